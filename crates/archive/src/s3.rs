//! An archive in a bucket of S3, or of what speaks like it.

use std::fmt;
use std::future::Future;
use std::io;
use std::sync::mpsc;
use std::time::Duration;

use bytes::Bytes;
use hitherto_store::{Archive, DiskFile};
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path;
use object_store::{ClientOptions, MultipartUpload, ObjectStoreExt, PutPayload, RetryConfig};
use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

/// What the location of a bucket begins with.
pub(crate) const SCHEME: &str = "s3://";
/// Bytes of one part of an object; S3 takes none below 5 MiB but the last.
const PART_BYTES: usize = 8 << 20;
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
const RETRIES_TIMEOUT: Duration = Duration::from_secs(20);
const RETRIES_MAX: usize = 4;

/// A bucket, or a part of one, that log files are moved to.
///
/// ```no_run
/// let archive = hitherto_archive::S3Archive::open("s3://bucket/bank")?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct S3Archive {
    location: String,
    prefix: Path,
    store: AmazonS3,
    /// Requests are made on a thread of their own, so that they may be waited for anywhere.
    requests: Handle,
    /// The thread ends when this is dropped.
    _running: oneshot::Sender<()>,
}

impl S3Archive {
    /// The archive at `s3://BUCKET/PREFIX`. Keys, region and endpoint are those of the environment:
    /// `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_REGION`, and for another than Amazon's
    /// `AWS_ENDPOINT_URL` (`http://…` is taken only with `AWS_ALLOW_HTTP=true`).
    ///
    /// # Errors
    /// If the location, or something in the environment, is wrong. Nothing is asked of the bucket.
    pub fn open(location: &str) -> io::Result<Self> {
        Self::with(location, AmazonS3Builder::from_env())
    }

    /// The archive at `s3://BUCKET/PREFIX` of a server that speaks S3, with these keys.
    pub fn at(endpoint: &str, key: &str, secret: &str, location: &str) -> io::Result<Self> {
        let builder = AmazonS3Builder::new()
            .with_endpoint(endpoint)
            .with_access_key_id(key)
            .with_secret_access_key(secret)
            .with_region("us-east-1");
        Self::with(location, builder.with_allow_http(endpoint.starts_with("http://")))
    }

    fn with(location: &str, builder: AmazonS3Builder) -> io::Result<Self> {
        // Whoever installed another provider before keeps it.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let (bucket, prefix) = split(location)?;
        let retries = RetryConfig {
            max_retries: RETRIES_MAX,
            retry_timeout: RETRIES_TIMEOUT,
            ..RetryConfig::default()
        };
        let allow_http = builder
            .get_config_value(&object_store::aws::AmazonS3ConfigKey::Client(
                object_store::ClientConfigKey::AllowHttp,
            ))
            .is_some_and(|allowed| allowed == "true");
        let client = ClientOptions::new().with_timeout(REQUEST_TIMEOUT).with_allow_http(allow_http);
        let builder = builder.with_bucket_name(bucket).with_retry(retries);
        let store = builder.with_client_options(client).build().map_err(io::Error::other)?;
        let prefix = Path::parse(prefix).map_err(io::Error::other)?;
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let requests = runtime.handle().clone();
        let (running, stopped) = oneshot::channel::<()>();
        let thread = std::thread::Builder::new().name("hitherto-archive".to_owned());
        thread.spawn(move || runtime.block_on(stopped))?;
        Ok(Self { location: location.to_owned(), prefix, store, requests, _running: running })
    }

    fn path(&self, name: &str) -> Path {
        self.prefix.clone().join(name)
    }

    /// Runs a request on the archive's own thread, and waits for it: also within a task of another
    /// runtime.
    fn wait<T: Send + 'static>(
        &self,
        request: impl Future<Output = object_store::Result<T>> + Send + 'static,
    ) -> io::Result<T> {
        let (sender, receiver) = mpsc::sync_channel(1);
        self.requests.spawn(async move {
            // Whoever does not wait any more does not want to know.
            let _ = sender.send(request.await);
        });
        let answered = receiver.recv().map_err(io::Error::other)?;
        answered.map_err(|error| match error {
            object_store::Error::NotFound { .. } => io::Error::new(io::ErrorKind::NotFound, error),
            other => io::Error::other(other),
        })
    }

    fn put_parts(&self, path: Path, object: &dyn DiskFile) -> io::Result<()> {
        let store = self.store.clone();
        let mut upload = self.wait(async move { store.put_multipart(&path).await })?;
        let mut offset = 0;
        loop {
            let part = part_at(object, offset)?;
            if part.is_empty() {
                break;
            }
            offset += part.len() as u64;
            let sent = upload.put_part(PutPayload::from_bytes(part));
            if let Err(error) = self.wait(sent) {
                // What was sent of it helps nobody, and the first error is the one to tell.
                let _ = self.wait(async move { upload.abort().await });
                return Err(error);
            }
        }
        self.wait(async move { upload.complete().await }).map(|_| ())
    }
}

/// The bucket and the prefix of a location.
fn split(location: &str) -> io::Result<(&str, &str)> {
    let named = location.strip_prefix(SCHEME).filter(|named| !named.starts_with('/'));
    let named = named.filter(|named| !named.is_empty());
    let named = named.ok_or_else(|| {
        let message = format!("{location} is no place in S3: write s3://BUCKET/PREFIX");
        io::Error::new(io::ErrorKind::InvalidInput, message)
    })?;
    Ok(named.split_once('/').unwrap_or((named, "")))
}

fn part_at(object: &dyn DiskFile, offset: u64) -> io::Result<Bytes> {
    let mut part = vec![0; PART_BYTES];
    let filled = object.read_at(&mut part, offset)?;
    part.truncate(filled);
    Ok(part.into())
}

impl Archive for S3Archive {
    fn location(&self) -> &str {
        &self.location
    }

    fn put(&self, name: &str, object: &dyn DiskFile) -> io::Result<()> {
        let path = self.path(name);
        if object.len()? > PART_BYTES as u64 {
            return self.put_parts(path, object);
        }
        let (store, payload) = (self.store.clone(), PutPayload::from_bytes(part_at(object, 0)?));
        self.wait(async move { store.put(&path, payload).await }).map(|_| ())
    }

    fn read_at(&self, name: &str, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let (store, path) = (self.store.clone(), self.path(name));
        let range = offset..offset + buffer.len() as u64;
        let bytes = self.wait(async move { store.get_range(&path, range).await })?;
        let filled = bytes.len().min(buffer.len());
        buffer[..filled].copy_from_slice(&bytes[..filled]);
        Ok(filled)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let (store, path) = (self.store.clone(), self.path(name));
        match self.wait(async move { store.delete(&path).await }) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            other => other,
        }
    }
}

impl fmt::Debug for S3Archive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3Archive").field("location", &self.location).finish_non_exhaustive()
    }
}
