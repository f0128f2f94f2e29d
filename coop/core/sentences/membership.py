"""Sentences about the co-op, applications, members and shares. Each names what is wrong and what to do next."""

from coop.core.sentences.marker import N_

SENTENCES = {
    "done.applied": N_("Your application is with the co-op’s office."),
    "done.application_approved": N_(
        "The application is approved. Hand over a sign-in link, so that the person can see how to pay."
    ),
    "done.application_refused": N_("The application is refused."),
    "done.shares_subscribed": N_("The shares are ordered. They count once the payment has arrived."),
    "done.order_cancelled": N_("The order is cancelled."),
    "coop.not_set_up": N_("This co-op is not set up yet. Open the setup link that was printed when it started."),
    "coop.exists": N_("This co-op is set up already. Sign in instead."),
    "application.duplicate": N_(
        "We have something on file for this e-mail address already. Sign in to see it, or ask the co-op’s office for a "
        "sign-in link."
    ),
    "application.already_decided": N_("This application has been decided already. Reload the page to see how."),
    "application.too_many": N_("There were many applications from here. Try again in {retry_after_s} seconds."),
    "application.unknown": N_("There is no such application, or it is not yours. Sign in as the person who applied."),
    "application.name_wrong": N_("Enter your name, at most 120 characters."),
    "application.email_wrong": N_("Enter an e-mail address like name@example.org."),
    "application.address_too_long": N_("The address is too long. Use at most 400 characters."),
    "application.reason_too_long": N_("The text is too long. Use at most 4,000 characters."),
    "member.unknown": N_("There is no such member in the register. Look the number up in the list of members."),
    "access.not_yours": N_("This belongs to another member. Only that member can do it."),
    "shares.not_positive": N_("Enter a number of shares above 0, for example 1 or 0.25."),
    "shares.too_many": N_("That is more than one order may have. Enter at most {limit} shares."),
    "shares.below_least": N_("Enter at least {least} shares: that is what makes a member."),
    "shares.worth_nothing": N_("So small a part of a share costs less than the smallest coin. Enter a little more."),
    "shares.subscription_unknown": N_("There is no such order, or it is not yours. Look at your shares for the list."),
    "shares.class_wrong": N_("A share needs a price above 0 and a least quantity above 0."),
}
