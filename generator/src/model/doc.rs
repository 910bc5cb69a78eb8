//! Documentation as a small tree, parsed once from the cut-down Markdown of `api.toml`.
//!
//! In: checked text. Out: blocks and spans that each emitter renders in its own markup.

/// A piece of documentation: blocks in reading order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Doc {
    pub blocks: Vec<Block>,
}

/// One block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Block {
    Para(Vec<Span>),
    /// `- item` lists; each item is a run of blocks.
    List(Vec<Vec<Block>>),
    /// Definition list: `- `term`: text`.
    Definitions(Vec<(Vec<Span>, Vec<Block>)>),
    /// A fenced code block, verbatim.
    Code(String),
}

/// Inline text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Span {
    Text(String),
    Code(String),
    Emph(String),
    Strong(String),
    /// `[mkdir]`: another call of this API, checked to exist.
    Call(String),
    /// `[lvm(8)]`: a manual page.
    Page {
        name: String,
        section: String,
    },
    /// `[text](https://…)`.
    Link {
        text: String,
        url: String,
    },
}
