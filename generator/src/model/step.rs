//! Test steps, parsed and type-checked: what test emitters turn into programs.

/// A list of steps run on one handle of one scenario.
#[derive(Debug, Clone)]
pub struct Test {
    pub scenario: Scenario,
    pub steps: Vec<Step>,
}

/// What the handle looks like before the first step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scenario {
    /// A new handle, not launched, no drives.
    None,
    /// Launched with two blank drives, 1 GiB /dev/sda and 256 MiB /dev/sdb; nothing mounted.
    Disks,
    /// As `Disks`, and an empty ext4 on /dev/sdc (256 MiB, whole disk) mounted at `/`.
    ScratchFs,
}

/// One line of a test.
#[derive(Debug, Clone)]
pub struct Step {
    pub action: Action,
    pub expect: Expect,
}

/// What a step does.
#[derive(Debug, Clone)]
pub enum Action {
    /// An API call with one value for each required argument, and the optional ones given.
    Call { call: String, args: Vec<Value>, opts: Vec<(String, Value)> },
    /// `local-write PATH "content"`: create a file on the host.
    LocalWrite { path: String, content: Vec<u8> },
    /// `local-read PATH`: read a file on the host; the result is a buffer.
    LocalRead { path: String },
}

/// A literal argument or expectation. Strings may hold `%tmp`, the test's own host directory.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Str(String),
    Bytes(Vec<u8>),
    List(Vec<Value>),
    /// Struct fields or hash keys.
    Table(Vec<(String, Value)>),
}

/// What must come back.
#[derive(Debug, Clone, PartialEq)]
pub enum Expect {
    /// Success; the result is not looked at.
    Ok,
    /// The result equals this; tables compare only the keys given.
    Equals(Value),
    /// A list with these elements in any order.
    Unordered(Vec<Value>),
    /// A string or buffer that holds this text, or a list that has this element.
    Contains(String),
    /// Failure, with this errno name when given.
    Error(Option<String>),
}
