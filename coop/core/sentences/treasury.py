"""Sentences about periods, their close, payout runs and statements."""

from coop.core.sentences.marker import N_

SENTENCES = {
    # Periods
    "period.not_found": N_("There is no such period."),
    "period.name_taken": N_("There is a period with this name already. Choose another name."),
    "period.ends_before_start": N_("The period must end after it starts."),
    "period.overlaps": N_("This overlaps the period “{name}”, which ends on {ends_at}. Start there or later."),
    "period.not_moment": N_("Enter a day and a time, such as 2026-06-30 00:00."),
    "period.not_over": N_(
        "The period ends on {ends_at}. Until then receipts still come in, so its usage is not complete. Come back then."
    ),
    "period.earlier_open": N_(
        "The period “{name}” comes first: its result must be distributed before this one is closed."
    ),
    "period.wrong_step": N_(
        "This step is not open: the period is at “{state}”. Load the page again and take the steps in order."
    ),
    "cost.not_positive": N_("Enter an amount above zero."),
    "cost.no_text": N_("Say what the cost was for."),
    # Payout runs
    "payout.not_found": N_("There is no such payout run."),
    "payout.not_distributed": N_("Distribute the period's result first; the run is made from it."),
    "payout.prepared_already": N_("This period has its payout run already: {number}."),
    "payout.preparer_unknown": N_("A payout run is prepared by a signed-in treasurer."),
    "payout.approver_unknown": N_("An approval needs a signed-in person."),
    "payout.own_run": N_(
        "You prepared this run, so you cannot approve it too. Another holder of the office “approver” can."
    ),
    "payout.same_member": N_(
        "You act for the same member as the person who prepared this run. The second signature needs another human."
    ),
    "payout.not_approver": N_(
        "The second signature needs the office “approver”. The admin of the co-op hands out offices."
    ),
    "payout.not_treasurer": N_("Only a treasurer marks a run as paid. The admin of the co-op hands out offices."),
    "payout.other_content": N_(
        "This is not the content you looked at. Load the page again, check it and sign once more."
    ),
    "payout.tampered": N_(
        "The rows of {number} do not match the hash it was frozen with. Do not pay it. Tell an auditor and a sysadmin."
    ),
    "payout.not_waiting": N_("{number} does not wait for a signature: it is “{state}” already."),
    "payout.not_approved": N_("{number} is “{state}”. Only an approved run can be marked as paid, and only once."),
    "payout.not_covered": N_("The books owe other amounts than {number} pays. Nothing was booked. Tell the auditors."),
    "statement.not_found": N_("There is no such statement, or it is not yours."),
    "document.not_ready": N_("The PDF is being made. Load the page again in a moment."),
    # Afterwards
    "done.period_created": N_("The period was added. Take its steps in order."),
    "done.usage_completed": N_("Usage is complete and posted to the books."),
    "done.cost_entered": N_("The cost was entered."),
    "done.costs_completed": N_("The costs are complete."),
    "done.distributed": N_("The result was distributed by the by-laws' rule."),
    "done.run_prepared": N_("The payout run was prepared and frozen. It waits for the second signature."),
    "done.run_approved": N_("You signed the run. Statements are being made; the treasurer can pay it now."),
    "done.run_paid": N_("The run is marked as paid, and the books owe it nothing more."),
}
