//! Decimal numbers that are added without rounding: 0.1 and 0.2 are 0.3.

use std::fmt::{self, Display};

/// Places behind the point, at most.
const SCALE_MAX: u32 = 30;

/// A decimal number: its digits, and how many of them stand behind the point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Decimal {
    digits: i128,
    scale: u32,
}

impl Decimal {
    pub(crate) const ZERO: Self = Self { digits: 0, scale: 0 };
    pub(crate) const ONE: Self = Self { digits: 1, scale: 0 };

    /// The number of this JSON text, if it is one that is not too large to be exact.
    pub(crate) fn parse(json: &str) -> Option<Self> {
        let (mantissa, exponent) = json.split_once(['e', 'E']).unwrap_or((json, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = format!("{whole}{fraction}").parse().ok()?;
        let scale = i64::try_from(fraction.len()).ok()? - exponent.parse::<i64>().ok()?;
        let number = Self { digits, scale: u32::try_from(scale.max(0)).ok()? };
        if number.scale > SCALE_MAX || scale < -i64::from(SCALE_MAX) {
            return None;
        }
        number.times_ten_to(u32::try_from((-scale).max(0)).ok()?)
    }

    /// The same digits with so many zeros behind them.
    fn times_ten_to(self, power: u32) -> Option<Self> {
        let digits = self.digits.checked_mul(10_i128.checked_pow(power)?)?;
        Some(Self { digits, ..self })
    }

    /// The sum, unless it is too large to be exact.
    pub(crate) fn plus(self, other: Self) -> Option<Self> {
        let scale = self.scale.max(other.scale);
        let one = self.times_ten_to(scale - self.scale)?;
        let other = other.times_ten_to(scale - other.scale)?;
        Some(Self { digits: one.digits.checked_add(other.digits)?, scale })
    }

    /// The number below zero as far as this one is above it.
    pub(crate) fn negated(self) -> Option<Self> {
        Some(Self { digits: self.digits.checked_neg()?, ..self })
    }
}

impl Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.digits < 0 { "-" } else { "" };
        let scale = self.scale as usize;
        let digits = format!("{:0>width$}", self.digits.unsigned_abs(), width = scale + 1);
        let (whole, fraction) = digits.split_at(digits.len() - scale);
        let point = if scale == 0 { "" } else { "." };
        write!(f, "{sign}{whole}{point}{fraction}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(one: &str, other: &str) -> Option<String> {
        Some(Decimal::parse(one)?.plus(Decimal::parse(other)?)?.to_string())
    }

    #[test]
    fn sums_are_exact() {
        for (one, other, expected) in [
            ("0.1", "0.2", "0.3"),
            ("1000", "500", "1500"),
            ("1.50", "-2", "-0.50"),
            ("-0.05", "0", "-0.05"),
            ("1e3", "2.5E-1", "1000.25"),
            ("18446744073709551615", "1", "18446744073709551616"),
        ] {
            assert_eq!(sum(one, other).as_deref(), Some(expected), "{one} + {other}");
        }
    }

    #[test]
    fn what_cannot_be_exact_is_none() {
        let huge = "9".repeat(39);
        for number in ["1e400", "1e-400", "true", "\"1\"", "", "-", &huge, "1e99999999999999999999"]
        {
            assert_eq!(sum(number, "1"), None, "{number}");
        }
        let most = i128::MAX.to_string();
        assert_eq!(sum(&most, "1"), None);
        assert_eq!(sum(&most, "0.1"), None);
    }
}
