//! Turns each `?` of a statement into `$1`, `$2` …, as PostgreSQL wants them.

/// The same statement with numbers for its `?`. What stands in quotes or in comments is left as it
/// is; `??` becomes one `?`, for the operators that are called so.
pub(crate) fn numbered(text: &str) -> String {
    let mut numbered = String::with_capacity(text.len() + 8);
    let mut count = 0;
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let (taken, after) = rest.split_at(length_of(next, rest, &numbered));
        match taken {
            "??" => numbered.push('?'),
            "?" => {
                count += 1;
                numbered.push('$');
                numbered.push_str(&count.to_string());
            }
            other => numbered.push_str(other),
        }
        rest = after;
    }
    numbered
}

/// How long the next piece is: a placeholder, something quoted, a comment, or one character.
fn length_of(next: char, rest: &str, before: &str) -> usize {
    let up_to = |end: &str| rest[1..].find(end).map_or(rest.len(), |at| 1 + at + end.len());
    match next {
        '?' if rest.starts_with("??") => 2,
        '\'' if is_escape_string(before) => escaped_length(rest),
        '\'' => up_to("'"),
        '"' => up_to("\""),
        '-' if rest.starts_with("--") => up_to("\n"),
        '/' if rest.starts_with("/*") => comment_length(rest),
        '$' => dollar_length(rest, before).unwrap_or(1),
        other => other.len_utf8(),
    }
}

/// Whether a quote here begins a string in which `\` escapes: `E'…'`.
fn is_escape_string(before: &str) -> bool {
    let mut last = before.chars().rev();
    matches!(last.next(), Some('e' | 'E')) && !last.next().is_some_and(is_word)
}

fn escaped_length(rest: &str) -> usize {
    let mut is_escaped = false;
    for (index, character) in rest.char_indices().skip(1) {
        match character {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '\'' => return index + 1,
            _ => {}
        }
    }
    rest.len()
}

/// Comments can stand in comments.
fn comment_length(rest: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while let Some(next) = rest[at..].chars().next() {
        if rest[at..].starts_with("/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if rest[at..].starts_with("*/") {
            (depth, at) = (depth - 1, at + 2);
        } else {
            at += next.len_utf8();
        }
        if depth == 0 {
            return at;
        }
    }
    rest.len()
}

/// `$$…$$`, or `$tag$…$tag$`.
fn dollar_length(rest: &str, before: &str) -> Option<usize> {
    let tag_end = 1 + rest[1..].find('$')?;
    let tag = &rest[..=tag_end];
    let is_tag = tag[1..tag_end].chars().all(is_word)
        && !tag[1..].starts_with(|c: char| c.is_ascii_digit())
        && !before.ends_with(is_word);
    is_tag.then(|| rest[tag.len()..].find(tag).map_or(rest.len(), |at| at + 2 * tag.len()))
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

#[cfg(test)]
mod tests {
    use super::numbered;

    #[test]
    fn placeholders_are_numbered_in_order() {
        let text = "update balances set cents = cents + ? where account = ?";
        assert_eq!(numbered(text), "update balances set cents = cents + $1 where account = $2");
        assert_eq!(numbered("select 1"), "select 1");
        assert_eq!(numbered("values (?,?)"), "values ($1,$2)");
    }

    #[test]
    fn what_is_quoted_or_a_comment_is_left_as_it_is() {
        for text in [
            "select 'a ? b', 'it''s ?'",
            r"select E'a \' ?'",
            r#"select "is it?" from t"#,
            "select 1 -- really?",
            "select /* a ? /* b ? */ c ? */ 1",
            "do $$ begin raise notice '?'; end $$",
            "select $tag$ ? $$ ? $tag$",
            "select 'unended ?",
            "select \"unended ?",
            "/* unended ?",
        ] {
            assert_eq!(numbered(text), text);
        }
    }

    #[test]
    fn after_what_is_quoted_counting_goes_on() {
        assert_eq!(numbered("f(?, '?', \"?\", ?) -- ?\n, ?"), "f($1, '?', \"?\", $2) -- ?\n, $3");
        assert_eq!(numbered(r"select E'\\', ?, 'é?', ?"), r"select E'\\', $1, 'é?', $2");
        assert_eq!(numbered(r"select like'\', ?"), r"select like'\', $1");
    }

    #[test]
    fn two_of_them_are_the_operator() {
        assert_eq!(numbered("select body ?? ?, body ??| ?"), "select body ? $1, body ?| $2");
    }

    #[test]
    fn a_number_of_postgres_itself_is_no_quote() {
        assert_eq!(numbered("select $1, ?, a$b, $2"), "select $1, $1, a$b, $2");
    }
}
