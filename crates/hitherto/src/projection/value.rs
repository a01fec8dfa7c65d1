//! What stands in place of a `?`: the usual types, and tuples of them.

use crate::{Error, Result};

/// A value in a statement.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// No value.
    Null,
    /// True or false.
    Bool(bool),
    /// A number without a fraction.
    Integer(i64),
    /// A number with a fraction.
    Real(f64),
    /// Text.
    Text(String),
    /// Bytes.
    Blob(Vec<u8>),
}

/// What can stand in place of a `?`.
///
/// ```
/// use hitherto::projection::{IntoValue, Value};
///
/// assert_eq!(7_u64.into_value()?, Value::Integer(7));
/// assert_eq!(None::<&str>.into_value()?, Value::Null);
/// assert!(u64::MAX.into_value().is_err()); // no database has such numbers
/// # Ok::<(), hitherto::Error>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot stand in a statement",
    label = "no value for a `?`",
    note = "text, numbers, `bool`, bytes and `Option`s of them can; turn it into one of these"
)]
pub trait IntoValue {
    /// The value.
    ///
    /// # Errors
    /// `Invalid` if databases have no such value: a number beyond 64 bits with a sign.
    fn into_value(self) -> Result<Value>;
}

impl IntoValue for Value {
    fn into_value(self) -> Result<Value> {
        Ok(self)
    }
}

impl<T: IntoValue> IntoValue for Option<T> {
    fn into_value(self) -> Result<Value> {
        self.map_or(Ok(Value::Null), T::into_value)
    }
}

macro_rules! values {
    ($($type:ty => |$value:ident| $made:expr;)*) => {$(
        impl IntoValue for $type {
            fn into_value(self) -> Result<Value> {
                let $value = self;
                Ok($made)
            }
        }
    )*};
}

values! {
    bool => |value| Value::Bool(value);
    &bool => |value| Value::Bool(*value);
    f32 => |value| Value::Real(f64::from(value));
    &f32 => |value| Value::Real(f64::from(*value));
    f64 => |value| Value::Real(value);
    &f64 => |value| Value::Real(*value);
    &str => |value| Value::Text(value.to_owned());
    String => |value| Value::Text(value);
    &String => |value| Value::Text(value.clone());
    &[u8] => |value| Value::Blob(value.to_vec());
    Vec<u8> => |value| Value::Blob(value);
    &Vec<u8> => |value| Value::Blob(value.clone());
    hitherto_store::Position => |value| Value::Integer(in_64_bits(value.0)?);
    hitherto_store::Timestamp => |value| Value::Integer(value.as_nanos());
    hitherto_store::EventId => |value| Value::Text(value.to_string());
}

macro_rules! integers {
    ($($type:ty)*) => {$(
        impl IntoValue for $type {
            fn into_value(self) -> Result<Value> {
                Ok(Value::Integer(in_64_bits(self)?))
            }
        }

        impl IntoValue for &$type {
            fn into_value(self) -> Result<Value> {
                Ok(Value::Integer(in_64_bits(*self)?))
            }
        }
    )*};
}

integers!(i8 i16 i32 i64 isize u8 u16 u32 u64 usize);

macro_rules! comparisons {
    ($($type:ty => $variant:ident |$value:ident| $made:expr;)*) => {$(
        impl From<$type> for Value {
            fn from($value: $type) -> Self {
                Self::$variant($made)
            }
        }

        impl PartialEq<$type> for Value {
            fn eq(&self, other: &$type) -> bool {
                let $value = other.clone();
                *self == Self::$variant($made)
            }
        }
    )*};
}

comparisons! {
    bool => Bool |value| value;
    i32 => Integer |value| i64::from(value);
    u32 => Integer |value| i64::from(value);
    i64 => Integer |value| value;
    f64 => Real |value| value;
    &str => Text |value| value.to_owned();
    String => Text |value| value;
}

fn in_64_bits<N: TryInto<i64> + Copy + std::fmt::Display>(number: N) -> Result<i64> {
    number.try_into().map_err(|_| {
        Error::invalid(format!(
            "{number} is more than a database can keep as a number: bind it as text"
        ))
    })
}

/// The values of a statement, in the order of its `?`: a tuple, also of one, or a list.
pub trait Parameters {
    /// The values.
    ///
    /// # Errors
    /// As [`IntoValue::into_value`].
    fn into_values(self) -> Result<Vec<Value>>;
}

impl Parameters for () {
    fn into_values(self) -> Result<Vec<Value>> {
        Ok(Vec::new())
    }
}

impl<T: IntoValue> Parameters for Vec<T> {
    fn into_values(self) -> Result<Vec<Value>> {
        self.into_iter().map(T::into_value).collect()
    }
}

impl<T: IntoValue, const N: usize> Parameters for [T; N] {
    fn into_values(self) -> Result<Vec<Value>> {
        self.into_iter().map(T::into_value).collect()
    }
}

macro_rules! tuples {
    ($(($($name:ident)+))*) => {$(
        impl<$($name: IntoValue),+> Parameters for ($($name,)+) {
            #[expect(non_snake_case, reason = "the types' names serve as the values' names")]
            fn into_values(self) -> Result<Vec<Value>> {
                let ($($name,)+) = self;
                Ok(vec![$($name.into_value()?),+])
            }
        }
    )*};
}

tuples! {
    (A) (A B) (A B C) (A B C D) (A B C D E) (A B C D E F) (A B C D E F G) (A B C D E F G H)
    (A B C D E F G H I) (A B C D E F G H I J) (A B C D E F G H I J K) (A B C D E F G H I J K L)
    (A B C D E F G H I J K L M) (A B C D E F G H I J K L M N) (A B C D E F G H I J K L M N O)
    (A B C D E F G H I J K L M N O P)
}
