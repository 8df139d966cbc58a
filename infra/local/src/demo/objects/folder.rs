//! The S3 operations of the demo: those of `s3s-fs`, and parts of S3's contract that it does not implement.
//!
//! Adds conditional reads, a 404 for missing buckets, URL-encoded keys and storage classes in listings, and the
//! responses of a bucket without versions or multipart uploads. Read-only: the metadata that `s3s-fs` stores with an
//! object would survive a change of the file and give a stale `ETag`.

use std::path::{Path, PathBuf};

use anyhow::Context;
use async_trait::async_trait;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use s3s::dto::{
    ETagCondition, EncodingType, GetBucketLocationInput, GetBucketLocationOutput,
    GetBucketVersioningInput, GetBucketVersioningOutput, GetObjectInput, GetObjectOutput,
    HeadBucketInput, HeadBucketOutput, HeadObjectInput, HeadObjectOutput, ListBucketsInput,
    ListBucketsOutput, ListMultipartUploadsInput, ListMultipartUploadsOutput,
    ListObjectVersionsInput, ListObjectVersionsOutput, ListObjectsV2Input, ListObjectsV2Output,
    Object, ObjectStorageClass, ObjectVersion, ObjectVersionStorageClass,
};
use s3s::{S3, S3Request, S3Response, S3Result, s3_error};
use s3s_fs::FileSystem;

/// Characters that S3 does not encode in URL-encoded keys.
const PLAIN_IN_KEYS: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'/')
    .remove(b'*');
/// Version of all objects in a bucket that never had versioning.
const NULL_VERSION: &str = "null";

/// Folders as buckets, files as objects.
#[derive(Debug)]
pub(super) struct FolderObjects {
    files: FileSystem,
    root: PathBuf,
}

impl FolderObjects {
    /// Opens the folder that holds one folder per bucket.
    pub(super) fn open(root: &Path) -> anyhow::Result<Self> {
        let unusable = || format!("could not serve the bucket folders in {}", root.display());
        let root = root.canonicalize().with_context(unusable)?;
        let files = FileSystem::new(&root)
            // Its error does not implement `std::error::Error`.
            .map_err(|error| anyhow::anyhow!("{error:?}"))
            .with_context(unusable)?;
        Ok(Self { files, root })
    }

    fn check_bucket(&self, bucket: &str) -> S3Result<()> {
        if self.root.join(bucket).is_dir() {
            return Ok(());
        }
        Err(s3_error!(NoSuchBucket))
    }

    /// Returns one page of a listing, with keys in plain text.
    async fn list(
        &self,
        request: S3Request<ListObjectsV2Input>,
    ) -> S3Result<S3Response<ListObjectsV2Output>> {
        self.check_bucket(&request.input.bucket)?;
        self.files.list_objects_v2(request).await
    }
}

fn encode(encoding: Option<&EncodingType>, text: &mut Option<String>) {
    let is_url = encoding.is_some_and(|encoding| encoding.as_str() == EncodingType::URL);
    if let Some(text) = text.as_mut().filter(|_| is_url) {
        *text = utf8_percent_encode(text, PLAIN_IN_KEYS).to_string();
    }
}

fn version(object: Object) -> ObjectVersion {
    ObjectVersion {
        is_latest: Some(true),
        key: object.key,
        last_modified: object.last_modified,
        size: object.size,
        storage_class: Some(ObjectVersionStorageClass::from_static(
            ObjectVersionStorageClass::STANDARD,
        )),
        version_id: Some(NULL_VERSION.to_owned()),
        ..ObjectVersion::default()
    }
}

#[async_trait]
impl S3 for FolderObjects {
    async fn list_buckets(
        &self,
        request: S3Request<ListBucketsInput>,
    ) -> S3Result<S3Response<ListBucketsOutput>> {
        self.files.list_buckets(request).await
    }

    async fn head_bucket(
        &self,
        request: S3Request<HeadBucketInput>,
    ) -> S3Result<S3Response<HeadBucketOutput>> {
        self.files.head_bucket(request).await
    }

    async fn get_bucket_location(
        &self,
        request: S3Request<GetBucketLocationInput>,
    ) -> S3Result<S3Response<GetBucketLocationOutput>> {
        self.files.get_bucket_location(request).await
    }

    async fn get_bucket_versioning(
        &self,
        request: S3Request<GetBucketVersioningInput>,
    ) -> S3Result<S3Response<GetBucketVersioningOutput>> {
        self.check_bucket(&request.input.bucket)?;
        Ok(S3Response::new(GetBucketVersioningOutput::default()))
    }

    async fn list_objects_v2(
        &self,
        request: S3Request<ListObjectsV2Input>,
    ) -> S3Result<S3Response<ListObjectsV2Output>> {
        let mut response = self.list(request).await?;
        let page = &mut response.output;
        let encoding = page.encoding_type.clone();
        for object in page.contents.iter_mut().flatten() {
            object.storage_class = Some(ObjectStorageClass::from_static(
                ObjectStorageClass::STANDARD,
            ));
            encode(encoding.as_ref(), &mut object.key);
        }
        for common in page.common_prefixes.iter_mut().flatten() {
            encode(encoding.as_ref(), &mut common.prefix);
        }
        encode(encoding.as_ref(), &mut page.prefix);
        encode(encoding.as_ref(), &mut page.delimiter);
        encode(encoding.as_ref(), &mut page.start_after);
        Ok(response)
    }

    async fn list_object_versions(
        &self,
        request: S3Request<ListObjectVersionsInput>,
    ) -> S3Result<S3Response<ListObjectVersionsOutput>> {
        let encoding = request.input.encoding_type.clone();
        let marker = request.input.key_marker.clone();
        let request = request.map_input(|input| ListObjectsV2Input {
            bucket: input.bucket,
            delimiter: input.delimiter,
            max_keys: input.max_keys,
            prefix: input.prefix,
            start_after: input.key_marker,
            ..ListObjectsV2Input::default()
        });
        let page = self.list(request).await?.output;
        let mut output = ListObjectVersionsOutput {
            common_prefixes: page.common_prefixes,
            delimiter: page.delimiter,
            is_truncated: page.is_truncated,
            key_marker: marker,
            max_keys: page.max_keys,
            name: page.name,
            next_version_id_marker: page
                .next_continuation_token
                .as_ref()
                .map(|_| NULL_VERSION.to_owned()),
            next_key_marker: page.next_continuation_token,
            prefix: page.prefix,
            versions: page
                .contents
                .map(|objects| objects.into_iter().map(version).collect()),
            ..ListObjectVersionsOutput::default()
        };
        for version in output.versions.iter_mut().flatten() {
            encode(encoding.as_ref(), &mut version.key);
        }
        for common in output.common_prefixes.iter_mut().flatten() {
            encode(encoding.as_ref(), &mut common.prefix);
        }
        for text in [
            &mut output.delimiter,
            &mut output.key_marker,
            &mut output.next_key_marker,
            &mut output.prefix,
        ] {
            encode(encoding.as_ref(), text);
        }
        output.encoding_type = encoding;
        Ok(S3Response::new(output))
    }

    async fn list_multipart_uploads(
        &self,
        request: S3Request<ListMultipartUploadsInput>,
    ) -> S3Result<S3Response<ListMultipartUploadsOutput>> {
        self.check_bucket(&request.input.bucket)?;
        Ok(S3Response::new(ListMultipartUploadsOutput {
            bucket: Some(request.input.bucket),
            is_truncated: Some(false),
            prefix: request.input.prefix,
            ..ListMultipartUploadsOutput::default()
        }))
    }

    async fn head_object(
        &self,
        request: S3Request<HeadObjectInput>,
    ) -> S3Result<S3Response<HeadObjectOutput>> {
        self.files.head_object(request).await
    }

    async fn get_object(
        &self,
        request: S3Request<GetObjectInput>,
    ) -> S3Result<S3Response<GetObjectOutput>> {
        self.check_bucket(&request.input.bucket)?;
        let known = request.input.if_none_match.clone();
        let response = self.files.get_object(request).await?;
        let is_known = match (&known, &response.output.e_tag) {
            (Some(ETagCondition::Any), _) => true,
            (Some(ETagCondition::ETag(known)), Some(current)) => known.weak_cmp(current),
            _ => false,
        };
        if is_known {
            return Err(s3_error!(NotModified));
        }
        Ok(response)
    }
}
