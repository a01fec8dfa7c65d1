//! `SeaweedFS`: a store of objects that speaks S3.

use std::path::Path;
use std::process::Command;

use crate::folder::log_of;
use crate::install::output_of;
use crate::probe::{answers, free_ports};
use crate::process::Process;
use crate::python;
use crate::service::{Program, Service, Started};

const KEY: &str = "hitherto";
const SECRET: &str = "hitherto-secret";
const BUCKET: &str = "hitherto";

/// What else listens in the same process, each at two ports: to HTTP and to gRPC.
const OTHERS: [&str; 4] = ["master", "volume", "filer", "admin"];

pub(crate) struct SeaweedFs;

impl Service for SeaweedFs {
    fn name(&self) -> &'static str {
        "s3"
    }

    fn variable(&self) -> &'static str {
        "HITHERTO_S3_URL"
    }

    fn find(&self, downloads: &Path) -> Result<Program, String> {
        let path = python::SERVERS.programs(downloads)?.join("weed");
        let version = output_of(Command::new(&path).arg("version"))?;
        // "version 8000GB 4.48 1a2b3c linux amd64"
        let version = version.split(' ').nth(2).unwrap_or("of unknown version");
        Ok(Program { version: format!("SeaweedFS {version}"), path })
    }

    fn start(&self, program: &Program, folder: &Path, port: u16) -> Result<Started, String> {
        let [grpc, others @ ..] = free_ports::<{ 1 + 2 * OTHERS.len() }>()?;
        let data = folder.join("data");
        std::fs::create_dir_all(&data).map_err(|error| format!("{}: {error}", data.display()))?;
        let mut server = Command::new(&program.path);
        server.arg("mini").arg(format!("-dir={}", data.display()));
        server.args(["-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-master.telemetry=false"]);
        server.args(["-webdav=false", "-s3.port.iceberg=0", "-s3.port.lance=0"]);
        server.arg(format!("-filer.localSocket={}", data.join("filer.sock").display()));
        server.arg(format!("-bucket={BUCKET}"));
        server.args([format!("-s3.port={port}"), format!("-s3.port.grpc={grpc}")]);
        for (other, ports) in OTHERS.iter().zip(others.chunks(2)) {
            server.arg(format!("-{other}.port={}", ports[0]));
            server.arg(format!("-{other}.port.grpc={}", ports[1]));
        }
        server.env("AWS_ACCESS_KEY_ID", KEY).env("AWS_SECRET_ACCESS_KEY", SECRET);
        let process = Process::start(&mut server, &data, &log_of(folder))?;
        let url = format!("http://{KEY}:{SECRET}@127.0.0.1:{port}/{BUCKET}");
        Ok(Started { process, url })
    }

    fn is_ready(&self, _: &Program, port: u16) -> bool {
        answers(port, "/healthz")
    }
}
