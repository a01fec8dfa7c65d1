//! What the commands print: tables for people, JSON lines for programs.

use std::fmt::Display;
use std::io::{self, BufWriter, IsTerminal, Stdout, Write};

use anstream::AutoStream;
use anstyle::Style;
use clap::{Args, ValueEnum};
use hitherto_store::Recorded;
use serde::Serialize;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::{line, moment};

/// How to print.
#[derive(Args, Clone, Copy)]
pub(crate) struct FormatArguments {
    /// How to print; without it a table on a terminal, else JSON
    #[arg(long, value_enum)]
    format: Option<Format>,

    /// The same as --format json
    #[arg(long, conflicts_with = "format")]
    json: bool,
}

/// For whom to print.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Aligned columns, for people
    Table,
    /// One JSON object a line, for programs
    Json,
}

impl FormatArguments {
    /// What was asked for, or what suits standard output.
    pub(crate) fn choose(self) -> Format {
        let fitting = if io::stdout().is_terminal() { Format::Table } else { Format::Json };
        self.format.unwrap_or(if self.json { Format::Json } else { fitting })
    }
}

/// Standard output, buffered: whoever writes to it flushes it.
pub(crate) fn stdout() -> BufWriter<Stdout> {
    BufWriter::with_capacity(64 * 1024, io::stdout())
}

/// Standard output for text with colours, which are left out where they are not wanted.
pub(crate) fn styled_stdout() -> BufWriter<AutoStream<Stdout>> {
    BufWriter::with_capacity(64 * 1024, anstream::stdout())
}

/// The text in bold.
pub(crate) fn bold(text: impl Display) -> String {
    let style = Style::new().bold();
    format!("{style}{text}{style:#}")
}

/// The text as an aside.
pub(crate) fn dim(text: impl Display) -> String {
    let style = Style::new().dimmed();
    format!("{style}{text}{style:#}")
}

/// Writes one JSON object and ends the line.
pub(crate) fn json_line(out: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *out, value)?;
    out.write_all(b"\n")
}

/// Prints events one after another, in either format.
pub(crate) enum EventPrinter {
    /// For people.
    Table(Table<BufWriter<Stdout>>),
    /// For programs.
    Json(BufWriter<Stdout>),
}

impl EventPrinter {
    /// A printer on standard output.
    pub(crate) fn new(format: Format) -> Self {
        match format {
            Format::Json => Self::Json(stdout()),
            Format::Table => Self::Table(Table::new(
                stdout(),
                &[">position", "time", "stream", ">version", "kind", "data"],
            )),
        }
    }

    /// Prints one event, sooner or later.
    pub(crate) fn event(&mut self, event: &Recorded) -> io::Result<()> {
        match self {
            Self::Json(out) => json_line(out, &line::Line::of(event)),
            Self::Table(table) => table.row(&row(event)),
        }
    }

    /// Prints what is not printed yet.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Json(out) => out.flush(),
            Self::Table(table) => table.flush(),
        }
    }
}

fn row(event: &Recorded) -> [String; 6] {
    let version = event.stream().map(|_| event.version().to_string());
    [
        event.position().to_string(),
        moment::briefly(event.recorded_at()),
        event.stream().unwrap_or("-").to_owned(),
        version.unwrap_or_default(),
        event.kind().to_owned(),
        line::for_people(event),
    ]
}

/// Rows that wait until the widths of the columns are known.
const HELD_ROWS_MAX: usize = 256;

/// Aligned columns. Holds few rows: later rows may widen a column, never narrow it.
pub(crate) struct Table<W> {
    out: W,
    titles: Vec<&'static str>,
    widths: Vec<usize>,
    held: Vec<(Style, Vec<String>)>,
    has_titles_printed: bool,
    is_styled: bool,
    line_width: Option<usize>,
}

impl<W: Write> Table<W> {
    /// A table with these columns; a title that begins with `>` stands for a column of numbers.
    pub(crate) fn new(out: W, titles: &[&'static str]) -> Self {
        let choice = AutoStream::choice(&io::stdout());
        let width = terminal_size::terminal_size_of(io::stdout()).map(|(width, _)| width.0);
        Self {
            out,
            titles: titles.to_vec(),
            widths: titles.iter().map(|title| name(title).width()).collect(),
            held: Vec::new(),
            has_titles_printed: false,
            is_styled: choice != anstream::ColorChoice::Never,
            line_width: width.map(usize::from),
        }
    }

    /// Takes a row with one cell for each column.
    pub(crate) fn row(&mut self, cells: &[String]) -> io::Result<()> {
        self.styled_row(Style::new(), cells)
    }

    /// Takes a row that is printed in a style, if the terminal has any.
    pub(crate) fn styled_row(&mut self, style: Style, cells: &[String]) -> io::Result<()> {
        debug_assert_eq!(cells.len(), self.titles.len());
        let cells: Vec<String> = cells.iter().map(|cell| printable(cell)).collect();
        for (width, cell) in self.widths.iter_mut().zip(&cells) {
            *width = cell.width().max(*width);
        }
        self.held.push((if self.is_styled { style } else { Style::new() }, cells));
        if self.held.len() < HELD_ROWS_MAX { Ok(()) } else { self.print_held() }
    }

    /// Prints what is not printed yet.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.print_held()?;
        self.out.flush()
    }

    fn print_held(&mut self) -> io::Result<()> {
        if !self.has_titles_printed {
            self.has_titles_printed = true;
            let titles: Vec<String> = self.titles.iter().map(|t| name(t).to_owned()).collect();
            let style = if self.is_styled { Style::new().bold() } else { Style::new() };
            let titles = self.aligned(&titles);
            writeln!(self.out, "{style}{titles}{style:#}")?;
        }
        for (style, cells) in std::mem::take(&mut self.held) {
            let aligned = self.aligned(&cells);
            writeln!(self.out, "{style}{aligned}{style:#}")?;
        }
        Ok(())
    }

    fn aligned(&self, cells: &[String]) -> String {
        let mut text = String::new();
        for (index, cell) in cells.iter().enumerate() {
            let gap = " ".repeat(self.widths[index].saturating_sub(cell.width()));
            let between = if index == 0 { "" } else { "  " };
            let is_number = self.titles[index].starts_with('>');
            text.extend(if is_number { [between, &gap, cell] } else { [between, cell, &gap] });
        }
        text.truncate(text.trim_end().len());
        self.line_width.map_or(text.clone(), |width| shortened(&text, width))
    }
}

fn name<'a>(title: &&'a str) -> &'a str {
    title.trim_start_matches('>')
}

/// Stored text must not command the terminal, nor begin another line.
fn printable(text: &str) -> String {
    let shown = |c: char| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c };
    text.chars().map(shown).collect()
}

/// The text if it fits, else its beginning and an ellipsis.
fn shortened(text: &str, width_max: usize) -> String {
    if text.width() <= width_max {
        return text.to_owned();
    }
    let mut width = 1;
    let fits = |c: &char| {
        width += c.width().unwrap_or(0);
        width <= width_max
    };
    text.chars().take_while(fits).chain(['…']).collect()
}

/// A number with thin separators between thousands, for people: 100,000.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// So many of something: "1 file", "2 files".
pub(crate) fn counted(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", grouped(number))
}

/// A number of bytes in the largest unit that keeps it above one.
pub(crate) fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["bytes", "KiB", "MiB", "GiB", "TiB"];
    let power = (bytes.max(1).ilog2() / 10).min(4);
    match power {
        0 => format!("{bytes} bytes"),
        _ => format!(
            "{:.1} {}",
            bytes as f64 / (1_u64 << (10 * power)) as f64,
            UNITS[power as usize]
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(line_width: Option<usize>, rows: &[[&str; 2]]) -> String {
        let mut printed = Vec::new();
        let mut table = Table::new(&mut printed, &[">position", "data"]);
        (table.line_width, table.is_styled) = (line_width, false);
        for row in rows {
            table.row(&row.map(str::to_owned)).unwrap();
        }
        table.flush().unwrap();
        String::from_utf8(printed).unwrap()
    }

    #[test]
    fn numbers_stand_right_and_text_stands_left() {
        assert_eq!(
            table(None, &[["7", "a"], ["12", "bc"]]),
            "position  data\n       7  a\n      12  bc\n"
        );
    }

    #[test]
    fn what_is_wider_than_the_terminal_is_shortened() {
        assert_eq!(table(Some(13), &[["7", "abcdef"]]), "position  da…\n       7  ab…\n");
    }

    #[test]
    fn stored_text_cannot_command_the_terminal() {
        assert!(!table(None, &[["7", "\u{1b}[2Jx\ny"]]).contains('\u{1b}'));
    }

    #[test]
    fn numbers_are_readable() {
        assert_eq!([counted(1, "file"), counted(2, "file")], ["1 file", "2 files"]);
        assert_eq!(
            [grouped(0), grouped(999), grouped(1_000), grouped(1_234_567)],
            ["0", "999", "1,000", "1,234,567"]
        );
        assert_eq!(
            [bytes(0), bytes(1_023), bytes(1_536), bytes(5 << 30)],
            ["0 bytes", "1023 bytes", "1.5 KiB", "5.0 GiB"]
        );
    }
}
