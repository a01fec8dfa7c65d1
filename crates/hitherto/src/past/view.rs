//! Views as they were: folded here and now, without a projector.

use crate::event::narrowed;

use crate::{Moment, Query, Recorded, Result, Store, View};

impl Store {
    /// A view over everything that has happened, folded here and now.
    ///
    /// What is asked again and again is better kept up to date by a
    /// [`Projector`](crate::Projector).
    ///
    /// # Errors
    /// What the store could not do; `Invalid` for an event that today's type cannot read.
    pub async fn view_of<V: View>(&self, view: V) -> Result<V> {
        let query = history_of(&view);
        self.fold_view(view, query).await
    }

    /// A view as it was at a moment: over the events up to there, folded here and now.
    ///
    /// For a projection into SQL, run it over [`Store::as_of`] into an empty database.
    ///
    /// ```
    /// use hitherto::{Append, Event, NewEvent, Position, Recorded, Store, View};
    ///
    /// #[derive(Event)]
    /// enum DoorEvent { Opened {}, Closed {} }
    ///
    /// /// How many doors are open.
    /// #[derive(Default)]
    /// struct OpenDoors(i64);
    ///
    /// impl View for OpenDoors {
    ///     const NAME: &'static str = "open-doors";
    ///     type Event = DoorEvent;
    ///
    ///     fn apply(&mut self, event: &Recorded<DoorEvent>) {
    ///         self.0 += match event.data {
    ///             DoorEvent::Opened {} => 1,
    ///             DoorEvent::Closed {} => -1,
    ///         };
    ///     }
    /// }
    ///
    /// # hitherto::wait(async {
    /// let store = Store::in_memory();
    /// for kind in ["Opened", "Closed"] {
    ///     store.append(Append::to("door-1").event(NewEvent::json(kind, "{}"))).await?;
    /// }
    /// assert_eq!(store.view_at(OpenDoors::default(), Position(1)).await?.0, 1);
    /// assert_eq!(store.view_of(OpenDoors::default()).await?.0, 0);
    /// # Ok::<(), hitherto::Error>(()) }).unwrap();
    /// ```
    ///
    /// # Errors
    /// `NotFound` for a position that the store has not come to, or a time before its first event;
    /// `Invalid` for a version, unless the view looks at one stream; or as [`Store::view_of`].
    pub async fn view_at<V: View>(&self, view: V, moment: impl Into<Moment>) -> Result<V> {
        let moment = moment.into();
        self.check_moment(moment).await?;
        let query = moment.bound(history_of(&view));
        self.fold_view(view, query).await
    }

    async fn fold_view<V: View>(&self, mut view: V, query: Query) -> Result<V> {
        let mut events = self.read(query);
        while let Some(event) = events.next_event().await {
            view.apply(&Recorded::decode(event?)?);
        }
        Ok(view)
    }
}

/// All events that a view looks at: bounds and direction are not its business.
fn history_of<V: View>(view: &V) -> Query {
    narrowed::<V::Event>(Query { items: view.query().items, ..Query::default() })
}
