//! Little-endian numbers at fixed places of a header.

/// Reads a number at a place. The place must be inside.
macro_rules! reader {
    ($name:ident, $number:ty) => {
        pub(crate) fn $name(bytes: &[u8], place: usize) -> $number {
            let slice = &bytes[place..place + size_of::<$number>()];
            <$number>::from_le_bytes(slice.try_into().expect("the slice has the number's size"))
        }
    };
}

reader!(read_u32, u32);
reader!(read_u64, u64);
reader!(read_i64, i64);

/// Writes bytes at a place. The place must be inside.
pub(crate) fn put(target: &mut [u8], place: usize, bytes: &[u8]) {
    target[place..place + bytes.len()].copy_from_slice(bytes);
}
