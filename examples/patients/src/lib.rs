//! A patient's record: nothing in it is overwritten, and who has looked at it is in it, too.

mod audit;

use std::collections::{BTreeMap, BTreeSet};

use PatientEvent::{
    AllergyNoted, DiagnosisMade, DiagnosisWithdrawn, MedicinePrescribed, PatientAdmitted,
    PatientDischarged, RecordRead,
};
use Refused::{Allergic, AlreadyAdmitted, NoReason, NotAdmitted, NotDiagnosed};
use hitherto::{Aggregate, Event, Root, ensure};
use serde::{Deserialize, Serialize};

pub use audit::{Access, AccessLog, Entry, known_at, report};

// region: events
/// What can happen to a patient, and to what is written about them.
#[derive(Event, Debug, Clone, PartialEq)]
pub enum PatientEvent {
    /// The patient was taken in.
    PatientAdmitted {
        /// Their name.
        name: String,
        /// By whom.
        by: String,
    },
    /// Something they must not be given.
    AllergyNoted {
        /// What it is.
        substance: String,
        /// Who found it.
        by: String,
    },
    /// What they have, as somebody thinks.
    DiagnosisMade {
        /// The code of the illness.
        code: String,
        /// Who thinks so.
        by: String,
    },
    /// It was something else. What was thought before stays in the record.
    DiagnosisWithdrawn {
        /// The code of the illness.
        code: String,
        /// Why.
        reason: String,
        /// By whom.
        by: String,
    },
    /// What they are to be given.
    MedicinePrescribed {
        /// What.
        medicine: String,
        /// Against what.
        code: String,
        /// By whom.
        by: String,
    },
    /// Somebody looked at the record. To look is to do something.
    RecordRead {
        /// Who.
        by: String,
        /// Why.
        reason: String,
    },
    /// The patient went home.
    PatientDischarged {
        /// Who let them go.
        by: String,
    },
}
// endregion: events

/// Why it is not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// The patient is here already.
    AlreadyAdmitted,
    /// The patient is not here.
    NotAdmitted,
    /// Nobody has found this illness, or it was withdrawn.
    NotDiagnosed,
    /// They must not be given this.
    Allergic {
        /// To what.
        substance: String,
    },
    /// A record is not read, and nothing in it withdrawn, without a reason.
    NoReason,
}

/// A patient, as their events made them.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Patient {
    #[serde(skip)]
    root: Root<PatientEvent>,
    /// Their name.
    pub name: String,
    /// Whether they are here.
    pub is_admitted: bool,
    /// What they must not be given.
    pub allergies: BTreeSet<String>,
    /// What they have, and what they are given against it.
    pub diagnoses: BTreeMap<String, BTreeSet<String>>,
}

// region: apply
impl Aggregate for Patient {
    const CATEGORY: &'static str = "patient";
    type Id = String;
    type Event = PatientEvent;
    type Error = Refused;

    fn root(&mut self) -> &mut Root<PatientEvent> {
        &mut self.root
    }

    fn apply(&mut self, event: &PatientEvent) {
        match event {
            PatientAdmitted { name, .. } => {
                self.name.clone_from(name);
                self.is_admitted = true;
            }
            AllergyNoted { substance, .. } => {
                self.allergies.insert(substance.clone());
            }
            DiagnosisMade { code, .. } => {
                self.diagnoses.entry(code.clone()).or_default();
            }
            DiagnosisWithdrawn { code, .. } => {
                self.diagnoses.remove(code);
            }
            MedicinePrescribed { medicine, code, .. } => {
                self.diagnoses.entry(code.clone()).or_default().insert(medicine.clone());
            }
            RecordRead { .. } => {}
            PatientDischarged { .. } => self.is_admitted = false,
        }
    }
}
// endregion: apply

// region: commands
impl Patient {
    /// Takes the patient in.
    pub fn admit(&mut self, by: &str, name: &str) -> Result<(), Refused> {
        ensure(!self.is_admitted, AlreadyAdmitted)?;
        self.raise(PatientAdmitted { name: name.into(), by: by.into() })
    }

    /// Notes what they must not be given. What was noted already is not noted again.
    pub fn note_allergy(&mut self, by: &str, substance: &str) -> Result<(), Refused> {
        ensure(self.is_admitted, NotAdmitted)?;
        if self.allergies.contains(substance) {
            return Ok(());
        }
        self.raise(AllergyNoted { substance: substance.into(), by: by.into() })
    }

    /// Says what they have.
    pub fn diagnose(&mut self, by: &str, code: &str) -> Result<(), Refused> {
        ensure(self.is_admitted, NotAdmitted)?;
        self.raise(DiagnosisMade { code: code.into(), by: by.into() })
    }

    /// Says that it was something else.
    pub fn withdraw_diagnosis(
        &mut self,
        by: &str,
        code: &str,
        reason: &str,
    ) -> Result<(), Refused> {
        ensure(self.diagnoses.contains_key(code), NotDiagnosed)?;
        ensure(!reason.is_empty(), NoReason)?;
        self.raise(DiagnosisWithdrawn { code: code.into(), reason: reason.into(), by: by.into() })
    }

    /// Prescribes a medicine, unless it would harm them.
    pub fn prescribe(&mut self, by: &str, medicine: &str, code: &str) -> Result<(), Refused> {
        ensure(self.is_admitted, NotAdmitted)?;
        ensure(self.diagnoses.contains_key(code), NotDiagnosed)?;
        let is_allergic = self.allergies.contains(medicine);
        ensure(!is_allergic, Allergic { substance: medicine.into() })?;
        let (medicine, code, by) = (medicine.into(), code.into(), by.into());
        self.raise(MedicinePrescribed { medicine, code, by })
    }

    /// Looks at the record: allowed to whoever says why.
    pub fn read(&mut self, by: &str, reason: &str) -> Result<(), Refused> {
        ensure(!reason.is_empty(), NoReason)?;
        self.raise(RecordRead { by: by.into(), reason: reason.into() })
    }

    /// Lets the patient go.
    pub fn discharge(&mut self, by: &str) -> Result<(), Refused> {
        ensure(self.is_admitted, NotAdmitted)?;
        self.raise(PatientDischarged { by: by.into() })
    }
}
// endregion: commands

impl PatientEvent {
    /// Who did it.
    pub fn by(&self) -> &str {
        match self {
            PatientAdmitted { by, .. }
            | AllergyNoted { by, .. }
            | DiagnosisMade { by, .. }
            | DiagnosisWithdrawn { by, .. }
            | MedicinePrescribed { by, .. }
            | RecordRead { by, .. }
            | PatientDischarged { by } => by,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hitherto::testing::{Given as _, check_handlers, check_replay, check_snapshots};
    use hitherto::{Outcome as _, Repository, Store, wait};

    fn admitted() -> PatientEvent {
        PatientAdmitted { name: "Zoe".into(), by: "reception".into() }
    }

    fn allergic() -> PatientEvent {
        AllergyNoted { substance: "penicillin".into(), by: "dr-ann".into() }
    }

    fn diagnosed() -> PatientEvent {
        DiagnosisMade { code: "J02".into(), by: "dr-ann".into() }
    }

    fn prescribed(medicine: &str) -> PatientEvent {
        let (medicine, code, by) = (medicine.into(), "J02".into(), "dr-ben".into());
        MedicinePrescribed { medicine, code, by }
    }

    fn history() -> [PatientEvent; 7] {
        let (code, reason, by) = ("J02".into(), "it was J03".into(), "dr-ann".into());
        [
            admitted(),
            allergic(),
            diagnosed(),
            prescribed("macrolide"),
            RecordRead { by: "dr-ben".into(), reason: "rounds".into() },
            DiagnosisWithdrawn { code, reason, by },
            PatientDischarged { by: "dr-ann".into() },
        ]
    }

    // region: test-allergy
    #[test]
    fn what_would_harm_the_patient_is_not_prescribed() {
        let known = [admitted(), allergic(), diagnosed()];
        Patient::given(known.clone())
            .when(|patient| patient.prescribe("dr-ben", "penicillin", "J02"))
            .refused(Allergic { substance: "penicillin".into() });
        Patient::given(known)
            .when(|patient| patient.prescribe("dr-ben", "macrolide", "J02"))
            .then([prescribed("macrolide")]);
    }
    // endregion: test-allergy

    #[test]
    fn what_makes_no_sense_is_refused() {
        Patient::given([]).when(|patient| patient.diagnose("a", "J02")).refused(NotAdmitted);
        Patient::given([]).when(|patient| patient.note_allergy("a", "x")).refused(NotAdmitted);
        Patient::given([]).when(|patient| patient.discharge("a")).refused(NotAdmitted);
        Patient::given([admitted()]).when(|p| p.admit("a", "Zoe")).refused(AlreadyAdmitted);
        Patient::given([admitted()]).when(|p| p.prescribe("a", "x", "J02")).refused(NotDiagnosed);
        Patient::given([admitted()]).when(|p| p.read("dr-ben", "")).refused(NoReason);
        Patient::given([admitted(), diagnosed()])
            .when(|patient| patient.withdraw_diagnosis("a", "J02", ""))
            .refused(NoReason);
        Patient::given([admitted(), allergic()])
            .when(|patient| patient.note_allergy("a", "penicillin"))
            .then_nothing();
    }

    #[test]
    fn each_event_changes_the_patient_as_it_says() {
        check_handlers::<Patient>(history(), |event, patient| match event {
            PatientAdmitted { .. } => assert!(patient.is_admitted && patient.name == "Zoe"),
            AllergyNoted { substance, .. } => assert!(patient.allergies.contains(substance)),
            DiagnosisMade { code, .. } => assert!(patient.diagnoses[code].is_empty()),
            DiagnosisWithdrawn { code, .. } => assert!(!patient.diagnoses.contains_key(code)),
            MedicinePrescribed { medicine, code, .. } => {
                assert!(patient.diagnoses[code].contains(medicine));
            }
            RecordRead { .. } => assert_eq!(patient.diagnoses.len(), 1),
            PatientDischarged { .. } => assert!(!patient.is_admitted),
        });
    }

    #[test]
    fn the_same_history_gives_the_same_patient() {
        check_replay::<Patient>(history());
        check_snapshots::<Patient>(history());
    }

    // region: test-audit
    #[test]
    fn the_report_says_what_was_known_when_it_was_done() {
        wait(async {
            let store = Store::in_memory();
            let patients = Repository::<Patient>::new(&store);
            patients.update("7", |patient| patient.admit("reception", "Zoe")).await.must()?;
            patients.update("7", |patient| patient.diagnose("dr-ann", "J02")).await.must()?;
            let given = patients.update("7", |p| p.prescribe("dr-ben", "penicillin", "J02")).await;
            patients.update("7", |p| p.note_allergy("dr-ann", "penicillin")).await.must()?;

            let report = report(&store, "7")?;
            let who: Vec<_> = report.iter().map(|entry| entry.by.as_str()).collect();
            assert_eq!(who, ["reception", "dr-ann", "dr-ben", "dr-ann"]);

            let known = known_at(&patients, "7", given.must()?.version).await?;
            assert!(known.allergies.is_empty(), "nobody could know");
            assert!(patients.load("7").await?.allergies.contains("penicillin"));
            Ok::<(), hitherto::Error>(())
        })
        .expect("a store in memory works");
    }
    // endregion: test-audit

    #[test]
    fn who_has_looked_is_counted_also_as_of_a_position() {
        wait(async {
            let store = Store::in_memory();
            let patients = Repository::<Patient>::new(&store);
            patients.update("7", |patient| patient.admit("reception", "Zoe")).await.must()?;
            let first = patients.update("7", |p| p.read("dr-ben", "rounds")).await.must()?;
            patients.update("7", |p| p.read("dr-ben", "curiosity")).await.must()?;

            let now = store.view_of(AccessLog::default()).await?;
            assert_eq!(now.0["dr-ben"].len(), 2);
            let then = store.view_at(AccessLog::default(), first.position).await?;
            let access = Access { patient: "7".into(), reason: "rounds".into() };
            assert_eq!(then.0["dr-ben"], [access]);
            Ok::<(), hitherto::Error>(())
        })
        .expect("a store in memory works");
    }
}
