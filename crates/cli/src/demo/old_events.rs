//! An event that an older version of the program wrote.

use hitherto::{Repository, wait};
use hitherto_store::{Append, EventStore, NewEvent};

use super::customer::Customer;
use super::{Demo, told};
use crate::failure::Failure;

impl Demo {
    pub(super) fn read_an_old_event(&mut self) -> Result<(), Failure> {
        self.story.step("An event of an old version is read as a new one")?;
        let (id, email) = (format!("C-{}", self.run), format!("ann.{}@example.org", self.run));
        let stored = NewEvent::json("CustomerRegistered", format!("{{\"email\":\"{email}\"}}"));
        let append = Append::to(format!("customer-{id}")).event(stored.schema_version(1));
        let saved = self.store.append(append)?;

        let event = self.event_at(saved.position)?;
        let on_disk =
            format!("on disk, schema version {}: {}", event.schema_version(), told(&event));
        self.story.check(on_disk, &event.schema_version(), &1)?;

        let customer = wait(Repository::<Customer>::new(&self.typed).load(&id))?;
        let loaded = format!("loaded: email {:?}, phone {:?}", customer.email, customer.phone);
        let expected = (email, "unknown".to_owned());
        Ok(self.story.check(loaded, &(customer.email, customer.phone), &expected)?)
    }
}
