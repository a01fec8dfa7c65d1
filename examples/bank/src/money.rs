//! Amounts as people read them. Inside they are whole cents; a float has no place in a bank.

/// An amount in cents with its decimals and groups of three.
///
/// ```
/// assert_eq!(hitherto_example_bank::amount(130_000), "1,300.00");
/// assert_eq!(hitherto_example_bank::amount(5), "0.05");
/// ```
pub fn amount(cents: u64) -> String {
    let whole = (cents / 100).to_string();
    let mut text = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    format!("{text}.{:02}", cents % 100)
}
