//! Generates the protobuf types and the gRPC services from `proto/`, without protoc.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

use std::error::Error;
use std::path::PathBuf;

/// The files that are compiled; what they import follows.
const FILES: [&str; 8] = [
    "hotline/v1/event.proto",
    "hotline/v1/call_event_service.proto",
    "hotline/v1/subscription_service.proto",
    "hotline/v1/call_record_service.proto",
    "hotline/v1/block_list_service.proto",
    "hotline/v1/callback_service.proto",
    "hotline/v1/trace_service.proto",
    "hotline/v1/options.proto",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=proto");
    println!("cargo:rerun-if-changed=build.rs");
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    let mut compiler = protox::Compiler::new(["proto"])?;
    compiler.include_imports(true).include_source_info(true).open_files(FILES)?;
    // For reflection and for the JSON of the command line; keeps the mark of personal data.
    std::fs::write(out.join("hotline_v1.bin"), compiler.encode_file_descriptor_set())?;
    tonic_prost_build::configure()
        .build_transport(false)
        // Events go out as the bytes that were stored, so that a repeat is byte-identical and costs no decoding.
        .extern_path(".hotline.v1.EventBatch", "crate::event::wire::EventBatch")
        .extern_path(".hotline.v1.ListEventsResponse", "crate::event::wire::ListEventsResponse")
        .compile_fds(compiler.file_descriptor_set())?;
    Ok(())
}
