//! Values as PostgreSQL takes them: in the form of the type that a statement expects there.

use std::error::Error;

use bytes::BytesMut;
use hitherto::projection::Value;
use tokio_postgres::types::{Format, IsNull, ToSql, Type, to_sql_checked};

/// A value for a `?`.
///
/// Numbers and bytes go in their binary form where the type has one that fits; everything else is
/// written out, and read by the server as if it stood in quotes: so text becomes a `uuid`, a
/// `jsonb`, a `timestamptz` or a type of the user's own.
#[derive(Debug)]
pub(crate) struct Bound<'a>(pub(crate) &'a Value);

type Encoded = Result<IsNull, Box<dyn Error + Sync + Send>>;

impl ToSql for Bound<'_> {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Encoded {
        match (self.0, ty) {
            (Value::Null, _) => Ok(IsNull::Yes),
            (Value::Bool(value), &Type::BOOL) => value.to_sql(ty, out),
            (Value::Bool(value), _) if is_number(ty) => number(i64::from(*value), ty, out),
            (Value::Integer(value), _) => number(*value, ty, out),
            (Value::Real(value), &Type::FLOAT8) => value.to_sql(ty, out),
            (Value::Real(value), &Type::FLOAT4) => (*value as f32).to_sql(ty, out),
            (Value::Blob(value), &Type::BYTEA) => value.to_sql(ty, out),
            (Value::Blob(value), _) => {
                let text = std::str::from_utf8(value).map_err(|_| {
                    format!("bytes that are no text cannot stand where {ty} is expected")
                })?;
                written(text, out)
            }
            (Value::Bool(value), _) => written(&value.to_string(), out),
            (Value::Real(value), _) => written(&real(*value), out),
            (Value::Text(value), _) => written(value, out),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn encode_format(&self, ty: &Type) -> Format {
        let is_binary = match self.0 {
            Value::Null => true,
            Value::Bool(_) => *ty == Type::BOOL || is_number(ty),
            Value::Integer(_) => is_number(ty),
            Value::Real(_) => *ty == Type::FLOAT8 || *ty == Type::FLOAT4,
            Value::Blob(_) => *ty == Type::BYTEA,
            Value::Text(_) => false,
        };
        if is_binary { Format::Binary } else { Format::Text }
    }

    to_sql_checked!();
}

/// Types that take a whole number in a binary form.
fn is_number(ty: &Type) -> bool {
    [Type::INT8, Type::INT4, Type::INT2, Type::FLOAT8].contains(ty)
}

fn number(value: i64, ty: &Type, out: &mut BytesMut) -> Encoded {
    let too_large = |_| format!("{value} does not fit into {ty}");
    match *ty {
        Type::INT8 => value.to_sql(ty, out),
        Type::INT4 => i32::try_from(value).map_err(too_large)?.to_sql(ty, out),
        Type::INT2 => i16::try_from(value).map_err(too_large)?.to_sql(ty, out),
        Type::FLOAT8 => (value as f64).to_sql(ty, out),
        _ => written(&value.to_string(), out),
    }
}

/// As PostgreSQL spells it.
fn real(value: f64) -> String {
    match value {
        f64::INFINITY => "Infinity".to_owned(),
        f64::NEG_INFINITY => "-Infinity".to_owned(),
        value => value.to_string(),
    }
}

fn written(text: &str, out: &mut BytesMut) -> Encoded {
    if text.contains('\0') {
        return Err("PostgreSQL has no text with a zero byte in it".into());
    }
    out.extend_from_slice(text.as_bytes());
    Ok(IsNull::No)
}
