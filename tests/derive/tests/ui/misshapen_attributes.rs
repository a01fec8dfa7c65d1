use hitherto::Event;

#[derive(Event)]
enum AccountEvent {
    #[event(name = AccountOpened)]
    AccountOpened { number: String },
    #[event(was = "")]
    MoneyDeposited { amount: u64 },
    #[event(version = 2, from = DepositedV1)]
    MoneyWithdrawn { amount: u64 },
    #[event(deprecated)]
    AccountFrozen,
    #[event(name = "a", name = "b")]
    AccountClosed,
    #[event]
    AccountAudited {
        #[tag = "auditor"]
        auditor: String,
        #[tag("audit:round")]
        round: u32,
        #[tag]
        #[tag("branch")]
        branch: u32,
    },
}

fn main() {}
