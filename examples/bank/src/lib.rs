//! A bank: accounts are actors, tellers are actors that move money between
//! them, all at once. Money is neither made nor lost.

mod account;

use std::collections::HashMap;

use account::{Account, BankError};
use greenroom::prelude::*;

struct Teller;

/// Moves money, one transfer at a time.
#[actor]
impl Teller {
    fn new() -> Self {
        Teller
    }

    /// Takes the amount from one account and pays it into another; if that
    /// one refuses it, it goes back.
    fn transfer(&self, from: Handle<Account>, to: Handle<Account>, amount: u64) -> Result<()> {
        from.withdraw(amount).remote().and_then(get)?;
        let paid = to.deposit(amount).remote().and_then(get);
        // These two mean that the deposit did not happen. After any other
        // error it may have: paying back could then double the money.
        if let Err(Error::Failed(_) | Error::MailboxFull(_)) = paid {
            from.deposit(amount).remote().and_then(get)?;
        }
        paid
    }
}

/// Owners and what they have at first.
const ACCOUNTS: [(&str, u64); 6] =
    [("Ada", 1000), ("Ben", 0), ("Cleo", 0), ("Dan", 0), ("Eve", 0), ("Mallory", 0)];

/// How often who pays whom how much. Only Ada has money, and she comes last,
/// so most of these fail at first.
const ORDERS: [(u64, &str, &str, u64); 9] = [
    (50, "Dan", "Eve", 14),
    (45, "Cleo", "Dan", 10),
    (10, "Ben", "Cleo", 15),
    (5, "Ben", "Dan", 40),
    (20, "Ada", "Ben", 20),
    (30, "Ada", "Cleo", 10),
    (10, "Ada", "Dan", 10),
    // These two never succeed.
    (1, "Ada", "Mallory", 50),
    (1, "Eve", "Ada", 1_000_000),
];

const TELLERS: usize = 4;

/// A transfer that somebody wants.
#[derive(Clone, Copy)]
struct Transfer {
    from: &'static str,
    to: &'static str,
    amount: u64,
}

type Accounts = HashMap<&'static str, Handle<Account>>;

/// Carries out all orders and shows where the money is.
#[driver]
fn main() -> Result<()> {
    let mut accounts = Accounts::new();
    for (owner, balance) in ACCOUNTS {
        accounts.insert(owner, Account::remote(owner, balance)?);
    }
    accounts["Mallory"].close().tell()?;
    let tellers: Vec<_> = (0..TELLERS).map(|_| Teller::remote()).collect::<Result<_>>()?;

    let mut open: Vec<Transfer> = ORDERS
        .into_iter()
        .flat_map(|(times, from, to, amount)| {
            (0..times).map(move |_| Transfer { from, to, amount })
        })
        .collect();
    for round in 1.. {
        let wanted = open.len();
        let failed = try_all(&tellers, &accounts, open)?;
        let paid = wanted - failed.len();
        println!("round {round}: {paid} of {wanted} transfers done");

        // When a whole round moves nothing, no other round will.
        let (again, hopeless): (Vec<_>, Vec<_>) =
            failed.into_iter().partition(|(_, why)| why.may_pass() && paid > 0);
        for (transfer, why) in hopeless {
            println!("refused: {} to {}, {}: {why}", transfer.from, transfer.to, transfer.amount);
        }
        if again.is_empty() {
            break;
        }
        open = again.into_iter().map(|(transfer, _)| transfer).collect();
    }
    show_balances(&accounts)
}

/// Has every transfer tried once, and answers those that failed.
fn try_all(
    tellers: &[Handle<Teller>],
    accounts: &Accounts,
    transfers: Vec<Transfer>,
) -> Result<Vec<(Transfer, BankError)>> {
    let mut sent = Vec::new();
    for (transfer, teller) in transfers.into_iter().zip(tellers.iter().cycle()) {
        let Transfer { from, to, amount } = transfer;
        let done = teller.transfer(&accounts[from], &accounts[to], amount).remote()?;
        sent.push((transfer, done));
    }
    let mut failed = Vec::new();
    for (transfer, done) in sent {
        let Err(error) = get(done) else { continue };
        // An error that is not the bank's own ends the program.
        let why = error.application().ok_or(error)?;
        failed.push((transfer, why));
    }
    Ok(failed)
}

fn show_balances(accounts: &Accounts) -> Result<()> {
    let mut total = 0;
    for (owner, _) in ACCOUNTS {
        let balance = accounts[owner].balance().remote().and_then(get)?;
        println!("{owner}: {balance}");
        total += balance;
    }
    let before: u64 = ACCOUNTS.iter().map(|(_, balance)| balance).sum();
    if total != before {
        return Err(Error::failed(format!("the total was {before} and is {total}")));
    }
    println!("total: {total}, as before");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn balance(account: &Handle<Account>) -> u64 {
        get(account.balance().remote().unwrap()).unwrap()
    }

    #[test]
    fn a_refused_transfer_says_why_and_moves_nothing() {
        let ada = Account::remote("Ada", 30).unwrap();
        let ben = Account::remote("Ben", 0).unwrap();
        let teller = Teller::remote().unwrap();

        let error = get(teller.transfer(&ada, &ben, 50).remote().unwrap()).unwrap_err();

        let why = BankError::InsufficientFunds { owner: "Ada".into(), balance: 30, wanted: 50 };
        assert_eq!(error.application(), Some(why));
        assert_eq!((balance(&ada), balance(&ben)), (30, 0));
    }

    #[test]
    fn money_for_a_closed_account_goes_back() {
        let ada = Account::remote("Ada", 30).unwrap();
        let ben = Account::remote("Ben", 0).unwrap();
        ben.close().tell().unwrap();
        let teller = Teller::remote().unwrap();

        let error = get(teller.transfer(&ada, &ben, 10).remote().unwrap()).unwrap_err();

        assert_eq!(error.to_string(), "the account of Ben is closed");
        assert_eq!((balance(&ada), balance(&ben)), (30, 0));
    }

    #[test]
    fn the_total_is_conserved() {
        greenroom::testing::run_driver([""; 0]).unwrap();
    }
}
