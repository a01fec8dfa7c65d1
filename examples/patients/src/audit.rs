//! What an auditor asks: who did what and when, what they could know, and who has looked.

use std::collections::BTreeMap;

use hitherto::{
    Aggregate as _, Query, Recorded, Repository, Result, Store, StreamName, Timestamp, View,
};

use crate::Patient;
use crate::PatientEvent::{self, RecordRead};

// region: report
/// A line of the report.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The version of the record.
    pub version: u64,
    /// When it was recorded.
    pub recorded_at: Timestamp,
    /// Who did it.
    pub by: String,
    /// What happened.
    pub event: PatientEvent,
}

/// Everything that was done about a patient, in order.
///
/// # Errors
/// What the store could not do.
pub fn report(store: &Store, patient: &str) -> Result<Vec<Entry>> {
    let record = Query::stream(StreamName::of(Patient::CATEGORY, patient));
    let entry = |event: Recorded<PatientEvent>| Entry {
        version: event.version(),
        recorded_at: event.recorded_at(),
        by: event.data.by().to_owned(),
        event: event.data,
    };
    store.read_as(record).map(|event| event.map(entry)).collect()
}
// endregion: report

// region: known
/// What could be known when a version of the record was written: the record right before it.
///
/// # Errors
/// `NotFound` if the record never came to that version, or what the store could not do.
pub async fn known_at(
    patients: &Repository<Patient>,
    patient: &str,
    version: u64,
) -> Result<Patient> {
    patients.at_version(patient, version.saturating_sub(1)).await
}
// endregion: known

/// That somebody looked at a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// Whose record.
    pub patient: String,
    /// Why.
    pub reason: String,
}

// region: view
/// Who has looked at which records, and why.
#[derive(Debug, Default)]
pub struct AccessLog(pub BTreeMap<String, Vec<Access>>);

impl View for AccessLog {
    const NAME: &'static str = "access-log";
    type Event = PatientEvent;

    fn apply(&mut self, event: &Recorded<PatientEvent>) {
        if let RecordRead { by, reason } = &event.data {
            let access = Access { patient: event.stream_id().to_owned(), reason: reason.clone() };
            self.0.entry(by.clone()).or_default().push(access);
        }
    }
}
// endregion: view
