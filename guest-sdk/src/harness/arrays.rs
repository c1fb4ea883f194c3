//! Arrow arrays of plain values.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Decimal256Array, DurationMicrosecondArray, Float32Array,
    Float64Array, Int8Array, Int16Array, Int32Array, Int64Array, StringArray, TimestampMicrosecondArray, UInt8Array, UInt16Array,
    UInt32Array, UInt64Array,
};
use arrow::datatypes::{DataType, i256};

use super::Value;

/// One column's values; what is null, absent or odd is null.
pub(super) fn array(data_type: &DataType, values: &[&Value]) -> ArrayRef {
    macro_rules! integers {
        ($array:ty) => {
            Arc::new(
                values
                    .iter()
                    .map(|value| integer(value).and_then(|number| number.try_into().ok()))
                    .collect::<$array>(),
            )
        };
    }
    match data_type {
        DataType::Int8 => integers!(Int8Array),
        DataType::Int16 => integers!(Int16Array),
        DataType::Int32 => integers!(Int32Array),
        DataType::Int64 => integers!(Int64Array),
        DataType::UInt8 => integers!(UInt8Array),
        DataType::UInt16 => integers!(UInt16Array),
        DataType::UInt32 => integers!(UInt32Array),
        DataType::UInt64 => integers!(UInt64Array),
        DataType::Date32 => integers!(Date32Array),
        DataType::Duration(_) => integers!(DurationMicrosecondArray),
        DataType::Timestamp(_, zone) => {
            let array: TimestampMicrosecondArray = values
                .iter()
                .map(|value| integer(value).and_then(|number| i64::try_from(number).ok()))
                .collect();
            Arc::new(array.with_timezone_opt(zone.clone()))
        }
        DataType::Boolean => Arc::new(
            values
                .iter()
                .map(|value| if let Value::Bool(bit) = value { Some(*bit) } else { None })
                .collect::<BooleanArray>(),
        ),
        DataType::Float32 => Arc::new(
            values
                .iter()
                .map(|value| if let Value::Float(number) = value { Some(*number) } else { None })
                .collect::<Float32Array>(),
        ),
        DataType::Float64 => Arc::new(
            values
                .iter()
                .map(|value| if let Value::Double(number) = value { Some(*number) } else { None })
                .collect::<Float64Array>(),
        ),
        DataType::Decimal128(precision, scale) => {
            let array: Decimal128Array = values.iter().map(|value| unscaled(value).and_then(i256::to_i128)).collect();
            Arc::new(array.with_data_type(DataType::Decimal128(*precision, *scale)))
        }
        DataType::Decimal256(precision, scale) => {
            let array: Decimal256Array = values.iter().map(|value| unscaled(value)).collect();
            Arc::new(array.with_data_type(DataType::Decimal256(*precision, *scale)))
        }
        DataType::Utf8 => Arc::new(
            values
                .iter()
                .map(|value| if let Value::Text(text) = value { Some(text.as_str()) } else { None })
                .collect::<StringArray>(),
        ),
        _ => Arc::new(values.iter().map(|value| bytes(value)).collect::<BinaryArray>()),
    }
}

fn integer(value: &Value) -> Option<i128> {
    if let Value::Int(number) = value { Some(*number) } else { None }
}

fn bytes(value: &Value) -> Option<&[u8]> {
    if let Value::Bytes(bytes) = value { Some(bytes) } else { None }
}

/// The digits of a decimal, without its point.
fn unscaled(value: &Value) -> Option<i256> {
    let Value::Decimal(text) = value else { return None };
    i256::from_string(&text.replace('.', ""))
}
