//! Accounts, and why they say no.

use std::fmt;

use greenroom::prelude::*;

/// Why a transfer did not happen. It reaches the caller as this type.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum BankError {
    /// The money may come later.
    InsufficientFunds { owner: String, balance: u64, wanted: u64 },
    /// It never will.
    AccountClosed { owner: String },
}

impl BankError {
    /// Whether trying again later may help.
    pub(crate) fn may_pass(&self) -> bool {
        matches!(self, BankError::InsufficientFunds { .. })
    }
}

impl fmt::Display for BankError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BankError::InsufficientFunds { owner, balance, wanted } => {
                write!(f, "{owner} has {balance}, which is less than {wanted}")
            }
            BankError::AccountClosed { owner } => write!(f, "the account of {owner} is closed"),
        }
    }
}

pub(crate) struct Account {
    owner: String,
    balance: u64,
    is_open: bool,
}

/// Somebody's money. Only its own methods can touch it, one at a time.
#[actor]
impl Account {
    fn new(owner: String, balance: u64) -> Self {
        Account { owner, balance, is_open: true }
    }

    /// Adds to the balance.
    fn deposit(&mut self, amount: u64) -> Result<(), BankError> {
        self.check_open()?;
        self.balance += amount;
        Ok(())
    }

    /// Takes from the balance, never more than there is.
    fn withdraw(&mut self, amount: u64) -> Result<(), BankError> {
        self.check_open()?;
        self.balance = self.balance.checked_sub(amount).ok_or_else(|| {
            let owner = self.owner.clone();
            BankError::InsufficientFunds { owner, balance: self.balance, wanted: amount }
        })?;
        Ok(())
    }

    /// What is in the account.
    fn balance(&self) -> u64 {
        self.balance
    }

    /// Refuses deposits and withdrawals from now on.
    fn close(&mut self) {
        self.is_open = false;
    }
}

impl Account {
    fn check_open(&self) -> Result<(), BankError> {
        if self.is_open {
            return Ok(());
        }
        Err(BankError::AccountClosed { owner: self.owner.clone() })
    }
}
