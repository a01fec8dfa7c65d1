//! A query as arguments: what it matches, with alternatives, and between which bounds.

use clap::error::ErrorKind;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};
use hitherto_store::{Position, Query, QueryItem, Timestamp};

use crate::moment;

/// Which events: all, or those that match, between the bounds.
#[derive(Args)]
pub(crate) struct QueryArguments {
    #[command(flatten)]
    matching: Alternatives<false>,

    #[command(flatten)]
    bounds: BoundArguments,
}

#[derive(Args)]
#[command(next_help_heading = "Between which bounds")]
struct BoundArguments {
    /// Only events after this position
    #[arg(long, value_name = "POSITION")]
    after: Option<u64>,

    /// Only events up to this position, itself included
    #[arg(long, value_name = "POSITION")]
    up_to: Option<u64>,

    /// Only events after this version of the one --stream
    #[arg(long, value_name = "VERSION")]
    after_version: Option<u64>,

    /// Only events up to this version of the one --stream, itself included
    #[arg(long, value_name = "VERSION")]
    up_to_version: Option<u64>,

    /// Only events recorded at this time or later: RFC 3339, a day, or how long ago (15m, 2h)
    #[arg(long, value_name = "TIME", value_parser = moment::parse)]
    since: Option<Timestamp>,

    /// Only events recorded at this time or earlier
    #[arg(long, value_name = "TIME", value_parser = moment::parse)]
    until: Option<Timestamp>,

    /// At most so many events
    #[arg(long, value_name = "EVENTS")]
    limit: Option<u64>,
}

impl QueryArguments {
    /// The query that these arguments ask for.
    pub(crate) fn into_query(self) -> Query {
        let bounds = self.bounds;
        let mut query = self.matching.into_query();
        query.bounds.after = bounds.after.map(Position);
        query.bounds.up_to = bounds.up_to.map(Position);
        query.bounds.after_version = bounds.after_version;
        query.bounds.up_to_version = bounds.up_to_version;
        query.bounds.since = bounds.since;
        query.bounds.until = bounds.until;
        query.limit = bounds.limit;
        query
    }
}

/// What events match: `--stream`, `--category`, `--kind`, `--tag`, and `--or` between alternatives.
///
/// Or the same words after `--unless-`, for the condition of an append.
pub(crate) struct Alternatives<const UNLESS: bool>(Vec<QueryItem>);

/// The words of the arguments, in the order of their ranks.
const MATCHING: [&str; 5] = ["stream", "category", "kind", "tag", "or"];
const UNLESS: [&str; 5] =
    ["unless-stream", "unless-category", "unless-kind", "unless-tag", "unless-or"];
const STREAM: usize = 0;
const CATEGORY: usize = 1;
const KIND: usize = 2;
const TAG: usize = 3;
const OR: usize = 4;

const HELP: [&str; 5] = [
    "In this stream",
    "In a stream of this category (what stands before the first `-` of its name)",
    "Of this kind; several: of one of them",
    "With this tag; several: with all of them",
    "Begins another alternative: events match if they match any",
];

impl<const U: bool> Alternatives<U> {
    const WORDS: [&str; 5] = if U { UNLESS } else { MATCHING };

    /// Whether none of the arguments was given.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A query for these alternatives, without bounds.
    pub(crate) fn into_query(self) -> Query {
        Query { items: self.0, ..Query::all() }
    }

    fn argument(rank: usize) -> Arg {
        let word = Self::WORDS[rank];
        let heading = if U { "Unless there are events" } else { "Which events" };
        let argument = Arg::new(word).long(word).help(HELP[rank]).help_heading(heading);
        let argument = argument.action(ArgAction::Append);
        match rank {
            OR => argument.num_args(0).default_missing_value("or"),
            TAG => argument.value_name("KEY:VALUE"),
            STREAM => argument.value_name("STREAM"),
            CATEGORY => argument.value_name("CATEGORY"),
            _ => argument.value_name("KIND"),
        }
    }

    /// Each value belongs to the alternative whose number is the count of `--or` before it.
    fn parse(matches: &ArgMatches) -> Result<Vec<QueryItem>, String> {
        let indices = |rank| matches.indices_of(Self::WORDS[rank]).into_iter().flatten();
        let ors: Vec<usize> = indices(OR).collect();
        let mut items = vec![QueryItem::default(); ors.len() + 1];
        for rank in [STREAM, CATEGORY, KIND, TAG] {
            let values = matches.get_many::<String>(Self::WORDS[rank]).into_iter().flatten();
            for (value, index) in values.zip(indices(rank)) {
                let alternative = ors.iter().filter(|or| **or < index).count();
                Self::narrow(&mut items[alternative], rank, value)?;
            }
        }
        let is_empty = items.contains(&QueryItem::default());
        match ors.len() {
            0 if is_empty => Ok(Vec::new()),
            _ if is_empty => Err(Self::empty_alternative()),
            _ => Ok(items),
        }
    }

    fn narrow(item: &mut QueryItem, rank: usize, value: &str) -> Result<(), String> {
        match rank {
            STREAM if item.stream.is_none() => item.stream = Some(value.into()),
            CATEGORY if item.category.is_none() => item.category = Some(value.into()),
            KIND => item.kinds.push(value.into()),
            TAG => item.tags.push(value.into()),
            _ => {
                let [word, or] = [Self::WORDS[rank], Self::WORDS[OR]];
                return Err(format!("no event is in two of --{word}: put --{or} between them"));
            }
        }
        Ok(())
    }

    fn empty_alternative() -> String {
        let [stream, category, kind, tag, or] = Self::WORDS;
        format!(
            "one side of --{or} is empty: put --{stream}, --{category}, --{kind} or --{tag} there"
        )
    }
}

impl<const U: bool> FromArgMatches for Alternatives<U> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let items = Self::parse(matches);
        items.map(Self).map_err(|message| clap::Error::raw(ErrorKind::ArgumentConflict, message))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl<const U: bool> Args for Alternatives<U> {
    fn augment_args(command: Command) -> Command {
        command.args((0..MATCHING.len()).map(Self::argument))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(arguments: &[&str]) -> Result<Query, String> {
        let command = QueryArguments::augment_args(Command::new("read").no_binary_name(true));
        let matches = command.try_get_matches_from(arguments).map_err(|e| e.to_string())?;
        let arguments = QueryArguments::from_arg_matches(&matches).map_err(|e| e.to_string())?;
        Ok(arguments.into_query())
    }

    #[test]
    fn no_arguments_ask_for_every_event() {
        assert_eq!(parsed(&[]).unwrap(), Query::all());
    }

    #[test]
    fn or_separates_alternatives() {
        let query = parsed(&[
            "--tag",
            "course:7",
            "--kind",
            "A",
            "--kind",
            "B",
            "--or",
            "--tag",
            "student:1",
            "--or",
            "--stream",
            "account-1",
            "--after",
            "5",
        ]);
        let course = Query::tag("course", 7).kinds(["A", "B"]);
        let expected = course.or_tag("student", 1).or(Query::stream("account-1"));
        assert_eq!(query.unwrap(), expected.after(Position(5)));
    }

    #[test]
    fn an_empty_alternative_is_refused() {
        for arguments in [&["--or"][..], &["--tag", "a:1", "--or"], &["--or", "--kind", "A"]] {
            assert!(parsed(arguments).unwrap_err().contains("one side of --or is empty"));
        }
    }

    #[test]
    fn two_streams_in_one_alternative_are_refused() {
        let refused = parsed(&["--stream", "a-1", "--stream", "a-2"]).unwrap_err();
        assert!(refused.contains("put --or between them"), "{refused}");
    }
}
