//! What `tracing` hears of commands, reactions and commits is what OpenTelemetry is told.

use std::sync::{Arc, Mutex};

use hitherto::checkpoints::Checkpoints;
use hitherto::{EventId, Outcome as _, Processor, Store, wait};
use hitherto_example_transfer::{Bank, RequestTransfer, TransferMoney, teller};
// region: tell
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::trace::{SdkTracerProvider, SpanExporter};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::prelude::*;

/// Tells OpenTelemetry, by way of an exporter, of all spans from now on.
fn tell(exporter: impl SpanExporter + 'static) -> SdkTracerProvider {
    let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).build();
    let spans = tracing_opentelemetry::layer().with_tracer(provider.tracer("bank"));
    let of_hitherto = Targets::new().with_target("hitherto", LevelFilter::DEBUG);
    tracing_subscriber::registry().with(spans.with_filter(of_hitherto)).init();
    provider // its `shutdown` sends what is still to be sent
}
// endregion: tell

/// Where spans would be sent to; here they are kept, as lines.
#[derive(Debug, Clone, Default)]
struct Collector(Arc<Mutex<Vec<String>>>);

impl SpanExporter for Collector {
    async fn export(
        &self,
        batch: Vec<opentelemetry_sdk::trace::SpanData>,
    ) -> opentelemetry_sdk::error::OTelSdkResult {
        let mut lines = self.0.lock().expect("no panic");
        for span in batch {
            let told = |name: &str| {
                let found = span.attributes.iter().find(|told| told.key.as_str() == name);
                found.map(|told| told.value.to_string()).unwrap_or_default()
            };
            let what = format!("{}{}{}", told("name"), told("kind"), told("follower"));
            lines.push(format!("{} {what} {}", span.name, told("correlation")));
        }
        Ok(())
    }
}

#[test]
fn a_story_is_told_to_opentelemetry_from_the_command_to_the_last_commit() {
    let collector = Collector::default();
    let provider = tell(collector.clone());
    let bank = Bank::on(&Store::in_memory());
    bank.open("ANN", 5_000).expect("memory works");
    bank.open("BEN", 0).expect("memory works");
    let process = TransferMoney::new(&bank.store);
    let process = wait(Processor::start(&bank.store, &Checkpoints::in_memory(), process));
    let process = process.expect("it starts");
    let (story, commands) = (EventId::new(), teller(&bank.store));
    let request = RequestTransfer {
        transfer: "T-1".into(),
        from: "ANN".into(),
        to: "BEN".into(),
        amount: 500,
    };
    wait(async { commands.send(request).correlation(story).await.must() }).expect("it is taken");
    bank.settle(&process).expect("it runs");
    drop(process);
    provider.shutdown().expect("all is sent");

    let lines = collector.0.lock().expect("no panic");
    for told in [
        "command RequestTransfer",
        "reaction TransferRequested",
        "reaction MoneyTaken",
        "reaction TransferCompleted",
    ] {
        assert!(lines.contains(&format!("{told} {story}")), "{told}: {lines:?}");
    }
    assert!(lines.iter().any(|line| line.starts_with("commit transfer-money")), "{lines:?}");
}
