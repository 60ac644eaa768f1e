//! Integer amounts of every resource, and limits on them.

/// A resource that can be spent. The unit is part of the name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Resource {
    /// Money, in billionths of a US dollar.
    NanoUsd,
    /// Tokens read.
    TokensIn,
    /// Tokens written.
    TokensOut,
    /// Processor time, in microseconds.
    ComputeUs,
}

impl Resource {
    /// Every resource, in the order of [`Amounts`].
    pub const ALL: [Resource; 4] =
        [Resource::NanoUsd, Resource::TokensIn, Resource::TokensOut, Resource::ComputeUs];

    /// The name under which the resource appears in descriptions and errors.
    pub fn name(self) -> &'static str {
        match self {
            Resource::NanoUsd => "nano_usd",
            Resource::TokensIn => "tokens_in",
            Resource::TokensOut => "tokens_out",
            Resource::ComputeUs => "compute_us",
        }
    }

    /// The resource of that name.
    pub fn from_name(name: &str) -> Option<Resource> {
        Resource::ALL.into_iter().find(|resource| resource.name() == name)
    }
}

/// How much of each resource. Never negative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amounts([u64; 4]);

impl Amounts {
    /// So much of one resource and nothing of the others.
    pub fn of(resource: Resource, amount: u64) -> Self {
        Self::default().with(resource, amount)
    }

    /// The same with one resource replaced.
    #[must_use]
    pub fn with(mut self, resource: Resource, amount: u64) -> Self {
        // Half of the range is ample (9 × 10⁹ USD) and keeps sums of two amounts from wrapping.
        self.0[resource as usize] = amount.min(Self::MAX);
        self
    }

    /// The greatest amount that can be stated.
    pub const MAX: u64 = i64::MAX as u64;

    /// The amount of one resource.
    pub fn get(&self, resource: Resource) -> u64 {
        self.0[resource as usize]
    }

    /// Both together; saturates at [`Amounts::MAX`].
    #[must_use]
    pub fn plus(mut self, other: Amounts) -> Self {
        for (mine, theirs) in self.0.iter_mut().zip(other.0) {
            *mine = mine.saturating_add(theirs).min(Self::MAX);
        }
        self
    }
}

/// The most that may be spent of each resource; `None` is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits([Option<u64>; 4]);

impl Limits {
    /// The same with one resource limited.
    #[must_use]
    pub fn with(mut self, resource: Resource, limit: u64) -> Self {
        self.0[resource as usize] = Some(limit.min(Amounts::MAX));
        self
    }

    /// The limit on one resource.
    pub fn get(&self, resource: Resource) -> Option<u64> {
        self.0[resource as usize]
    }

    /// Whether anything is limited at all.
    pub fn any(&self) -> bool {
        self.0.iter().any(Option::is_some)
    }
}
