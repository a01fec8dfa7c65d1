//! Which streams a rule of retention is about, as arguments.

use hitherto_store::Target;

/// One stream, or all of a category.
#[derive(clap::Args)]
#[group(required = true, multiple = false)]
pub(crate) struct TargetArguments {
    /// This stream
    #[arg(long, value_name = "NAME")]
    stream: Option<String>,

    /// All streams of this category (what stands before the first `-` of their names)
    #[arg(long, value_name = "NAME")]
    category: Option<String>,
}

impl TargetArguments {
    pub(crate) fn target(self) -> Target {
        match (self.stream, self.category) {
            (Some(stream), _) => Target::stream(stream),
            (None, category) => Target::category(category.unwrap_or_default()),
        }
    }
}
