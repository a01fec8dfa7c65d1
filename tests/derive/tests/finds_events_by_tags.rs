//! Tagged fields become tags, named by the field or by the attribute.

use std::fmt;

use hitherto::{Event, Tag};
use serde::{Deserialize, Serialize};

#[derive(Debug, Serialize, Deserialize)]
struct CourseId(u32);

impl fmt::Display for CourseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "course-{}", self.0)
    }
}

#[derive(Event, Debug)]
enum CourseEvent {
    Subscribed {
        #[tag]
        course: CourseId,
        #[tag("student")]
        who: String,
        seat: u32,
    },
    Moved {
        #[tag]
        from: Option<CourseId>,
        #[tag("course")]
        to: Vec<CourseId>,
    },
    /// A field with the name of a variable that the derive might use.
    Tagged {
        #[tag]
        tags: u8,
        #[tag]
        r#type: char,
    },
    TermEnded,
}

fn tags(event: &CourseEvent) -> Vec<String> {
    event.tags().iter().map(Tag::to_string).collect()
}

#[test]
fn a_tag_is_the_field_or_the_given_key_and_the_displayed_value() {
    let event = CourseEvent::Subscribed { course: CourseId(7), who: "Eva".into(), seat: 3 };
    assert_eq!(tags(&event), ["course:course-7", "student:Eva"]);
}

#[test]
fn an_option_gives_at_most_one_tag_and_a_list_one_for_each_value() {
    let event = CourseEvent::Moved { from: None, to: vec![CourseId(1), CourseId(2)] };
    assert_eq!(tags(&event), ["course:course-1", "course:course-2"]);
    let event = CourseEvent::Moved { from: Some(CourseId(9)), to: Vec::new() };
    assert_eq!(tags(&event), ["from:course-9"]);
}

#[test]
fn a_field_may_have_any_name() {
    assert_eq!(tags(&CourseEvent::Tagged { tags: 1, r#type: 'x' }), ["tags:1", "type:x"]);
}

#[test]
fn without_tagged_fields_there_are_no_tags() {
    assert!(tags(&CourseEvent::TermEnded).is_empty());
}
