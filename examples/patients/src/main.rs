//! Something went wrong in a hospital, and an auditor asks how:
//! `cargo run -p hitherto-example-patients [store directory]`.

use std::error::Error;
use std::path::{Path, PathBuf};

use hitherto::{EventStore as _, Outcome as _, Position, Repository, Result, Store};
use hitherto_example_patients::{AccessLog, Patient, known_at, report};
use hitherto_store::EmbeddedStore;

const ZOE: &str = "7";

fn main() -> std::result::Result<(), Box<dyn Error>> {
    let temporary = tempfile::tempdir()?;
    let named = std::env::args_os().nth(1).map(PathBuf::from);
    let directory = named.unwrap_or_else(|| temporary.path().join("hospital.hitherto"));
    let records = EmbeddedStore::open(&directory)?;
    let store = Store::on(records.clone());
    hitherto::wait(tell(&store, &records, &directory))?;
    Ok(())
}

async fn tell(store: &Store, records: &EmbeddedStore, directory: &Path) -> Result<()> {
    let patients = Repository::<Patient>::new(store);
    if store.head().await? == Position::START {
        treat(&patients).await?;
    }
    audit(store, &patients).await?;
    look_into_accesses(store).await?;
    prove(records, directory)
}

async fn treat(patients: &Repository<Patient>) -> Result<()> {
    println!("Zoe is taken in with a sore throat, and treated:\n");
    patients.update(ZOE, |zoe| zoe.admit("reception", "Zoe")).await.must()?;
    patients.update(ZOE, |zoe| zoe.diagnose("dr-ann", "J02")).await.must()?;
    patients.update(ZOE, |zoe| zoe.read("dr-ben", "night shift")).await.must()?;
    patients.update(ZOE, |zoe| zoe.prescribe("dr-ben", "penicillin", "J02")).await.must()?;
    patients.update(ZOE, |zoe| zoe.note_allergy("dr-ann", "penicillin")).await.must()?;
    // region: refused
    let refusal = patients.update("7", |zoe| zoe.prescribe("dr-ben", "penicillin", "J02")).await;
    // endregion: refused
    println!("  Dr Ben prescribes the same again, and it is refused: {:?}", refusal.refusal()?);
    let reason = "the swab says J03";
    patients.update(ZOE, |zoe| zoe.withdraw_diagnosis("dr-ann", "J02", reason)).await.must()?;
    patients.update(ZOE, |zoe| zoe.read("porter-max", "curious")).await.must()?;
    patients.update(ZOE, |zoe| zoe.discharge("dr-ann")).await.must()?;
    println!("  Zoe goes home well. But she was given what she must not be given. How?");
    Ok(())
}

async fn audit(store: &Store, patients: &Repository<Patient>) -> Result<()> {
    println!("\nThe record, as it was written; nothing in it is ever overwritten:\n");
    for entry in report(store, ZOE)? {
        println!("  {}  {:<10}  {:?}", entry.version, entry.by, entry.event);
    }
    println!("\nWhat could Dr Ben know when he prescribed it, at version 4?\n");
    // region: known
    let known = known_at(patients, "7", 4).await?;
    println!("  diagnoses: {:?}, allergies: {:?}", known.diagnoses.keys(), known.allergies);
    // endregion: known
    println!("  The allergy was noted one event later. It was nobody's negligence.");
    Ok(())
}

async fn look_into_accesses(store: &Store) -> Result<()> {
    println!("\nWho has looked at records, and why?\n");
    for (who, accesses) in store.view_of(AccessLog::default()).await?.0 {
        for access in accesses {
            println!("  {who:<10}  patient {}: {}", access.patient, access.reason);
        }
    }
    Ok(())
}

fn prove(records: &EmbeddedStore, directory: &Path) -> Result<()> {
    // region: digest
    let head = records.head().wait()?;
    let digest = records.digest(head)?;
    // endregion: digest
    println!(
        "\nThat nobody has changed it since can be proven by a digest that the auditor keeps:\n"
    );
    let directory = directory.display();
    println!("  hitherto verify {directory} --at {head} --digest {digest}");
    Ok(())
}
