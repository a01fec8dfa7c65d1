//! The log on disk: numbered files of frames, one frame a commit.
//!
//! Everything here is drawn byte by byte in `docs/file-format.md`.

mod bytes;
mod clean_end;
pub(crate) mod compressed;
mod file;
mod frame;
mod handles;
mod header;
mod holes;
mod identity;
mod scan;

pub(crate) use clean_end::{CleanEnd, is_clean_end};
pub(crate) use compressed::{Compressing, Edition, StreamFinder};
pub(crate) use file::{LogFile, ReadBuffer};
pub(crate) use frame::{FRAME_HEADER_BYTES, FrameHeader, FrameKind, mark_removed};
pub(crate) use handles::{Form, Handles};
pub(crate) use header::{FileHeader, HEADER_BYTES, LossBefore};
pub(crate) use holes::read_with_holes;
pub(crate) use identity::{FORMAT_FILE, FORMAT_VERSION, Identity};
pub(crate) use scan::{Expected, Found, Frame, Scan};
