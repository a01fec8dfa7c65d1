//! The handle on a running follower: where it stands, waiting for it, orders, stopping.

use std::future::poll_fn;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::thread::JoinHandle;

use hitherto_store::Position;

use super::board::{Board, SharedBoard};
use super::handler::{Ended, Failure, Order, Parked, Target};
use super::reader::{Reader, SharedTarget, lock};
use super::settings::Settings;
use super::status::{State, Status};
use crate::projection::Definition;
use crate::{Error, Result, Store};

/// A follower that runs on threads of its own. Stops when it is dropped.
pub struct Follower {
    board: SharedBoard,
    target: SharedTarget,
    store: Store,
    reader: Mutex<Option<JoinHandle<()>>>,
}

/// Follows the events of a store that a definition names, and hands them to a target's handlers.
///
/// # Errors
/// `Invalid` for a name that cannot be one.
pub fn follow(
    store: &Store,
    definition: Definition,
    target: Box<dyn Target>,
    settings: Settings,
) -> Result<Follower> {
    definition.check()?;
    let board = Board::new(&definition.name, definition.version, target.is_beside());
    let (board, target) = (Arc::new(board), Arc::new(Mutex::new(target)));
    store.monitor().register(&board);
    let name = definition.name.clone();
    let reader = Reader {
        store: store.clone(),
        definition,
        target: Arc::clone(&target),
        settings,
        board: Arc::clone(&board),
    };
    let thread = std::thread::Builder::new().name(name).spawn(move || reader.run());
    let thread = thread.map_err(|error| {
        Error::unavailable("a thread to follow the store could not be started").because(error)
    })?;
    Ok(Follower { board, target, store: store.clone(), reader: Mutex::new(Some(thread)) })
}

impl Follower {
    /// Where it stands now.
    pub fn status(&self) -> Status {
        self.board.status()
    }

    /// Ready when everything up to this position is handled or parked: to read one's own writes.
    ///
    /// # Errors
    /// `Closed` if the follower ends before.
    pub async fn reached(&self, position: Position) -> Result<()> {
        self.board.wake_reader();
        self.wait_for(|facts| facts.done() >= position && facts.is_settled_or_held()).await
    }

    /// Handles everything that is in the store now, and returns when that is done.
    ///
    /// # Errors
    /// What the store could not do; `Closed` if the follower ends before.
    pub async fn catch_up(&self) -> Result<Status> {
        let head = self.store.head().await?;
        self.reached(head).await?;
        Ok(self.status())
    }

    /// What is parked, in order.
    ///
    /// # Errors
    /// If it cannot be read now.
    pub fn parked(&self) -> Result<Vec<Parked>> {
        lock(&self.target).parked().map_err(into_error)
    }

    /// Tries a parked event again, and what waits behind it. Ready when that is done; what fails
    /// again is parked again.
    ///
    /// # Errors
    /// `NotFound` if nothing is parked there; `Closed` if the follower ends before.
    pub async fn retry(&self, position: Position) -> Result<()> {
        self.carry_out(position, Order::Retry).await
    }

    /// Lets a parked event go unhandled, and goes on with what waits behind it. Ready when that is
    /// done.
    ///
    /// # Errors
    /// `NotFound` if nothing is parked there; `Closed` if the follower ends before.
    pub async fn skip(&self, position: Position) -> Result<()> {
        self.carry_out(position, Order::Skip).await
    }

    async fn carry_out(&self, position: Position, order: Order) -> Result<()> {
        if !lock(&self.target).order(position, order).map_err(into_error)? {
            return Err(Error::not_found(format!(
                "nothing is parked at position {position}: `parked` lists what is"
            )));
        }
        let wanted = self.board.want_look();
        self.wait_for(|facts| facts.looked() >= wanted).await
    }

    /// Stops after the commit that is going on, and says why it ended.
    pub fn stop(&self) -> Ended {
        self.board.stop();
        self.join();
        match self.status().state {
            State::Ended(ended) => ended,
            _ => Ended::Stopped,
        }
    }

    /// Ready when it has ended by itself, with the reason.
    pub async fn ended(&self) -> Ended {
        poll_fn(|context| {
            let mut facts = self.board.lock();
            facts.wait(context.waker());
            facts.ended.clone().map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }

    async fn wait_for(&self, is_so: impl Fn(&super::board::Facts) -> bool) -> Result<()> {
        poll_fn(|context| {
            let mut facts = self.board.lock();
            if is_so(&facts) {
                return Poll::Ready(Ok(()));
            }
            if let Err(error) = facts.over(&self.board.title()) {
                return Poll::Ready(Err(error));
            }
            facts.wait(context.waker());
            Poll::Pending
        })
        .await
    }

    fn join(&self) {
        let thread = self.reader.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread
            && thread.join().is_err()
        {
            self.board.end(Ended::Failed("the thread that follows has panicked".to_owned()));
        }
        self.board.end(Ended::Stopped);
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.stop();
    }
}

impl std::fmt::Debug for Follower {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.status().fmt(f)
    }
}

/// A failure as an error for callers.
pub(crate) fn into_error(failure: Failure) -> Error {
    match failure {
        Failure::Event { error, .. } | Failure::Unavailable(error) => error,
        Failure::Ended(ended) => Error::closed(ended.to_string()),
    }
}
