//! What a reaction answered, kept so that it is the same again: also that nothing was to be stored.

use std::future::Future;

use hitherto_store::{Append, NewEvent, Saved, StreamName};
use serde::{Deserialize, Serialize};

use crate::cause::Cause;
use crate::event::{Event, names_of};
use crate::{Error, ErrorKind, Result, Store};

/// Written down when a reaction's command was refused.
pub(crate) const REFUSED: &str = "hitherto.CommandRefused";
/// Written down when a reaction's command raised no event.
pub(crate) const NOTHING: &str = "hitherto.NothingToDo";

/// What a command came to, when the store did as it was asked.
pub(crate) enum Attempt<R> {
    Stored(Saved),
    Nothing(Saved, Past),
    Refused(R, Past),
}

impl<R> Attempt<R> {
    pub(crate) fn into_answer(self) -> Result<Saved, R> {
        match self {
            Self::Stored(saved) | Self::Nothing(saved, _) => Ok(saved),
            Self::Refused(refusal, _) => Err(refusal),
        }
    }
}

/// What a command saw that stored nothing. Run on it again, it answers the same again: so neither a
/// refusal nor its type has to be stored.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Past {
    /// A stream up to this version.
    Stream { stream: String, version: u64 },
    /// Everything up to this position.
    All { position: u64 },
}

/// The one answer of a reaction.
pub(crate) enum Answer<R> {
    /// It was found, or is given now.
    Given(Result<Saved, R>),
    /// Nothing was stored then, on a past that ended at this version or position.
    NothingSince(u64),
}

impl Cause {
    /// The answer of this reaction in a stream: the one that is kept, or else that of an attempt.
    ///
    /// Looked up before the attempt, because a command must not see a state that its own first run
    /// has changed. And again after an attempt that failed: a twin may have been faster, or an
    /// answer lost. That nothing was stored is kept under the id that the first event would have
    /// had: of two twins that see different pasts, one has answered for both.
    pub(crate) async fn once<E: Event, R>(
        &self,
        store: &Store,
        stream: &StreamName,
        attempt: impl Future<Output = Result<Attempt<R>>>,
    ) -> Result<Answer<R>> {
        if let Some(answer) = self.find::<E, R>(store, stream).await? {
            return Ok(answer);
        }
        let kept = match attempt.await {
            Ok(attempt) => self.keep(store, stream, attempt).await,
            Err(error) => Err(error),
        };
        let Err(error) = kept else { return kept.map(Answer::Given) };
        match self.find::<E, R>(store, stream).await {
            Ok(Some(answer)) => Ok(answer),
            // It says better why nothing could be stored than the store, which knows only ids.
            Err(found) if found.kind() == ErrorKind::Invalid => Err(found),
            Ok(None) | Err(_) => Err(error),
        }
    }

    /// Keeps an answer that left no event.
    async fn keep<R>(
        &self,
        store: &Store,
        stream: &StreamName,
        attempt: Attempt<R>,
    ) -> Result<Result<Saved, R>> {
        let (kind, past) = match &attempt {
            Attempt::Stored(_) => return Ok(attempt.into_answer()),
            Attempt::Nothing(_, past) => (NOTHING, past),
            Attempt::Refused(_, past) => (REFUSED, past),
        };
        let past = serde_json::to_vec(past).expect("names and numbers are JSON");
        let event = self.mark(stream, 0, NewEvent::json(kind, past));
        store.append(Append::without_stream().event(event)).await?;
        Ok(attempt.into_answer())
    }

    /// What this reaction answered when it ran before, if it did.
    async fn find<E: Event, R>(
        &self,
        store: &Store,
        stream: &StreamName,
    ) -> Result<Option<Answer<R>>> {
        let Some(first) = store.find(self.event_id(stream, 0)).await? else { return Ok(None) };
        self.check_is_answered_by(&first)?;
        if [REFUSED, NOTHING].contains(&first.kind()) {
            return past_of(&first).map(|past| Some(Answer::NothingSince(past.end())));
        }
        if !E::kinds().into_iter().flat_map(names_of).any(|name| name == first.kind()) {
            return Err(Error::invalid(format!(
                "event {} has caused {} here already, in another reaction: name each with `by`",
                self.event(),
                first.kind()
            )));
        }
        let mut last = first.clone();
        for index in 1.. {
            match store.find(self.event_id(stream, index)).await? {
                Some(next) => last = next,
                None => break,
            }
        }
        Ok(Some(Answer::Given(Ok(Saved {
            first_position: first.position(),
            position: last.position(),
            version: last.version(),
            versions: vec![last.version()],
            repeated: true,
        }))))
    }
}

impl Past {
    fn end(&self) -> u64 {
        match self {
            Self::Stream { version, .. } => *version,
            Self::All { position } => *position,
        }
    }
}

fn past_of(event: &hitherto_store::Recorded) -> Result<Past> {
    serde_json::from_slice(event.payload()).map_err(|source| {
        let message = format!("event {} does not say what its command saw", event.position());
        Error::invalid(message).because(source)
    })
}

/// The error for a command that stored nothing then, and would now.
pub(crate) fn answers_otherwise(past: &str) -> Error {
    Error::invalid(format!(
        "this reaction ran before, saw {past}, and stored nothing; run again on the same, its command has \
         events: its rule was changed meanwhile, or it looks at more than its aggregate; decide by hand"
    ))
}
