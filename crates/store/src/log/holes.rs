//! Reading a file of which parts cannot be read.

use std::io;

use crate::disk::DiskFile;

/// Bytes of a file that are given up together if one of them cannot be read: a block of a
/// compressed file.
const HOLE_BYTES: u64 = 1024;

/// Reads as a file does, but counts parts that fail in such a way as zeros: checksums tell what is
/// whole.
pub(crate) fn read_with_holes(
    file: &dyn DiskFile,
    buffer: &mut [u8],
    offset: u64,
    is_hole: impl Fn(&io::Error) -> bool,
) -> io::Result<usize> {
    match file.read_at(buffer, offset) {
        Err(error) if is_hole(&error) => {}
        read => return read,
    }
    let length = file.len()?.saturating_sub(offset).min(buffer.len() as u64);
    let end = offset + length;
    let mut start = offset;
    while start < end {
        let part_end = ((start / HOLE_BYTES + 1) * HOLE_BYTES).min(end);
        let part = &mut buffer[(start - offset) as usize..(part_end - offset) as usize];
        match file.read_at(part, start) {
            Err(error) if is_hole(&error) => part.fill(0),
            read => drop(read?),
        }
        start = part_end;
    }
    Ok(length as usize)
}

/// Whether what should be there is damaged, and not only out of reach.
pub(crate) fn is_damage(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::InvalidData
}
