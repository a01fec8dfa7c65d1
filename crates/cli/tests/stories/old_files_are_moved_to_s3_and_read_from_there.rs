//! `hitherto archive --to s3://…`, on a real server: every command reads what was moved, and one
//! that cannot get there says what it needs.

use hitherto_store::{Append, EmbeddedStore, EventId, EventStore, NewEvent, Options};

use crate::command::{Ended, Shell};

/// The server, as the environment of a command says it.
#[derive(Clone)]
struct Server {
    endpoint: String,
    key: String,
    secret: String,
    bucket: String,
}

/// Out of `http://KEY:SECRET@HOST:PORT/BUCKET`.
fn server() -> Option<Server> {
    let what = "old log files in S3, on the command line";
    let url = hitherto_services::from_environment(hitherto_services::S3, what)?;
    let (keys, place) = url.strip_prefix("http://")?.split_once('@')?;
    let ((key, secret), (host, bucket)) = (keys.split_once(':')?, place.split_once('/')?);
    let [key, secret, bucket] = [key, secret, bucket].map(str::to_owned);
    Some(Server { endpoint: format!("http://{host}"), key, secret, bucket })
}

impl Server {
    fn run(&self, shell: &Shell, words: &str) -> Ended {
        let mut command = shell.command(words.split_whitespace());
        command.env("AWS_ENDPOINT_URL", &self.endpoint).env("AWS_ALLOW_HTTP", "true");
        command.env("AWS_ACCESS_KEY_ID", &self.key).env("AWS_SECRET_ACCESS_KEY", &self.secret);
        Ended::from(command.output().expect("the binary can be run"))
    }
}

fn fill(shell: &Shell) {
    let mut options = Options::default();
    (options.log_file_bytes_min, options.log_file_bytes_max) = (64 << 10, 64 << 10);
    let store = EmbeddedStore::open_with(shell.path("bank"), options).expect("it opens");
    for number in 0..400 {
        let text: String = (0..15).map(|_| EventId::new().to_string()).collect();
        let said = NewEvent::json("Said", format!(r#"{{"number":{number},"text":"{text}"}}"#));
        store
            .append(Append::to(format!("play-{}", number % 5)).event(said))
            .expect("there is room");
    }
    store.close().expect("it closes");
}

#[test]
fn every_command_reads_what_was_moved_to_s3() {
    let Some(server) = server() else { return };
    let shell = Shell::new();
    fill(&shell);
    let before = shell.run("read bank --stream play-3").done().stdout;
    let to = format!("s3://{}/command-{}", server.bucket, EventId::new());
    let moved = server.run(&shell, &format!("archive bank --to {to}")).done().stdout;
    assert!(moved.starts_with("moved ") && moved.contains(&to), "{moved}");

    assert_eq!(server.run(&shell, "read bank --stream play-3").done().stdout, before);
    assert!(server.run(&shell, "stat bank").done().stdout.contains(&to));
    server.run(&shell, "verify bank").done();

    // Nobody listens there: no answer, the error names the archive, and nothing is changed.
    let nobody = Server { endpoint: "http://127.0.0.1:9".to_owned(), ..server.clone() };
    let ended = nobody.run(&shell, "read bank --stream play-3");
    assert!(ended.code != 0 && ended.stderr.contains(&to), "{ended:?}");
    assert_eq!(server.run(&shell, "read bank --stream play-3").done().stdout, before);
}

#[test]
fn a_place_in_s3_that_cannot_be_one_is_refused_and_nothing_is_moved() {
    let shell = Shell::new();
    fill(&shell);
    let ended = shell.run("archive bank --to s3://");
    assert!(ended.code != 0 && ended.stderr.contains("write s3://BUCKET/PREFIX"), "{ended:?}");
    shell.run("verify bank").done();
}
