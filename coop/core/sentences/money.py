"""Sentences about amounts, payments, credit and the ledger. Each names what is wrong and what to do next."""

from coop.core.sentences.marker import N_

SENTENCES = {
    "done.credit_announced": N_("The deposit is announced. It counts once the payment has arrived."),
    "done.deposit_cancelled": N_("The deposit is cancelled."),
    "done.payment_confirmed": N_("The payment is booked and counts now."),
    "money.currency_unknown": N_("We cannot keep books in “{currency}”. Choose one of the currencies in the list."),
    "money.not_a_number": N_("Enter a plain number such as 4 or 4.5, without a sign and without letters."),
    "money.too_many_places": N_("That has too many digits after the point. Use at most {places}."),
    "money.too_large": N_("That amount is too large for one entry. Enter a smaller one."),
    "payment.reference_wrong": N_("Enter the reference as it stands in the transfer, such as A-7KQ4-M2XD."),
    "payment.reference_unknown": N_(
        "Nothing waits for the reference {reference}. Check it against the bank statement."
    ),
    "payment.wrong_amount": N_(
        "We expected {expected} {currency}, but {got} {currency} were entered. Check the bank statement; nothing was "
        "booked. If another amount arrived, send it back or ask the payer for the rest."
    ),
    "payment.already_decided": N_("This payment was confirmed or cancelled before. It counts once; see the ledger."),
    "payment.not_approved": N_(
        "This application is not approved yet, so its payment cannot count. Ask an admin first."
    ),
    "payment.too_many_waiting": N_(
        "{limit} payments of yours are waiting. Pay or cancel one of them before you add another."
    ),
    "credit.not_positive": N_("Enter an amount above 0."),
    "credit.insufficient": N_("Your prepaid credit does not cover this. Add credit and try again."),
    "credit.deposit_unknown": N_("There is no such deposit, or it is not yours. Look at your credit for the list."),
    "ledger.key_reused": N_(
        "Another entry was booked under the key {key}. Nothing was booked now; look that entry up."
    ),
    "ledger.entry_unknown": N_("There is no such entry in the ledger. Look it up in the list of entries."),
    "ledger.is_reversal": N_("This entry is a reversal itself. Book the original again instead."),
    "ledger.already_reversed": N_("This entry was reversed before. An entry can be reversed once."),
    "ledger.account_unknown": N_("There is no account “{account}” in the chart. Choose one of the chart."),
    "ledger.member_missing": N_("The account “{account}” is kept per member. Name the member."),
    "ledger.member_unexpected": N_("The account “{account}” is not kept per member. Leave the member out."),
    "ledger.amount_out_of_bounds": N_("The amount on “{account}” is zero or too large for one entry."),
    "ledger.entry_unbalanced": N_("Entry {entry}: debits and credits differ. Compare with a backup."),
    "ledger.sub_account_wrong": N_("Entry {entry}: a line has a member where none belongs, or lacks one."),
    "ledger.entry_altered": N_("Entry {entry} is not what was booked: its digest differs. Compare with a backup."),
    "ledger.reversal_differs": N_("Entry {entry} does not mirror the entry it reverses. Compare with a backup."),
    "ledger.event_missing": N_("Entry {entry} has no event in the log. Compare with a backup."),
    "ledger.total_not_zero": N_("All lines together do not sum to zero. Compare with a backup."),
}
