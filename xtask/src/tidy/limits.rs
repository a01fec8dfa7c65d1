//! The table of all maximums, from the constants that set them.

/// A Markdown table of the public constants of a file: what, how much, and the constant's name.
pub(crate) fn table(text: &str) -> String {
    let mut rows = vec!["| what | at most | constant |\n|---|---:|---|".to_owned()];
    let mut document = String::new();
    for line in text.lines() {
        if let Some(words) = line.strip_prefix("/// ") {
            document =
                if document.is_empty() { words.into() } else { format!("{document} {words}") };
        } else if let Some((name, value)) = constant(line) {
            let what = document.trim_end_matches('.');
            rows.push(format!("| {what} | {} | `{name}` |", readable(name, value)));
            document.clear();
        } else {
            document.clear();
        }
    }
    rows.join("\n")
}

/// Name and value of a constant that is a product of whole numbers.
fn constant(line: &str) -> Option<(&str, u64)> {
    let (name, rest) = line.strip_prefix("pub const ")?.split_once(':')?;
    let product = rest.split_once('=')?.1.trim().strip_suffix(';')?;
    let number = |factor: &str| factor.trim().replace('_', "").parse::<u64>().ok();
    let factors = product.split('*').map(number).collect::<Option<Vec<_>>>()?;
    Some((name, factors.into_iter().product()))
}

fn readable(name: &str, value: u64) -> String {
    const MEBIBYTE: u64 = 1 << 20;
    match value {
        _ if !name.contains("BYTES") => grouped(value),
        value if value.is_multiple_of(MEBIBYTE) => format!("{} MiB", value / MEBIBYTE),
        value => format!("{value} bytes"),
    }
}

/// A number with its thousands set apart.
fn grouped(number: u64) -> String {
    match number {
        0..1000 => number.to_string(),
        _ => format!("{},{:03}", grouped(number / 1000), number % 1000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_constant_is_a_row() {
        let text = "/// Payload of one event,\n/// in bytes.\npub const EVENT_BYTES_MAX: usize = 8 * 1024 * \
                    1024;\n/// Tags.\npub const TAGS_MAX: usize = 16 * 1024;\nconst A: () = ();\n";
        let rows = table(text);
        let rows = rows.lines().skip(2).collect::<Vec<_>>();
        let event = "| Payload of one event, in bytes | 8 MiB | `EVENT_BYTES_MAX` |";
        assert_eq!(rows, [event, "| Tags | 16,384 | `TAGS_MAX` |"]);
    }
}
