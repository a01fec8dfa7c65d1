//! Says to the store's code that it is modelled: then it takes its locks from `src/sync.rs` here.

fn main() {
    println!("cargo::rustc-cfg=hitherto_model");
    println!("cargo::rerun-if-changed=build.rs");
}
