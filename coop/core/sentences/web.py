"""Sentences of the web's edge: access, forms, sign-in, setup, and what a page says after something was done."""

from coop.core.sentences import N_

SENTENCES = {
    "unknown": N_("Something was refused ({code}). Nothing was changed. Tell the people who run this co-op's server."),
    # Access
    "access.not_signed_in": N_("Sign in to see this page. An officer of the co-op can give you a sign-in link."),
    "access.session_ended": N_("You were signed out. Sign in again and repeat what you did; nothing was changed."),
    "access.role_needed": N_(
        "This needs an office that you do not hold: {role}. The admin of the co-op hands out offices "
        "on the page “Users”."
    ),
    "access.member_needed": N_("Only members can do this. Apply to join, or sign in as the user of a member."),
    "access.foreign_origin": N_(
        "This request came from another website, so nothing was changed. Open this co-op's own page "
        "and send the form there."
    ),
    "access.form_token": N_(
        "This form is too old or was opened before you signed in, so nothing was changed. Load the "
        "page again and repeat it."
    ),
    # Requests
    "request.key_missing": N_("This form came without its request key. Load the page again and send it once more."),
    "request.key_reused": N_(
        "The same form was sent before with other content, so nothing was changed. Load the page "
        "again to send a new one."
    ),
    "request.too_large": N_("The request is larger than {limit_kb} kB, so nothing was read. Send less at once."),
    "request.bad": N_("The request cannot be read. Load the page again and repeat what you did."),
    "request.nul": N_("A field holds a NUL byte, which cannot be kept. Remove it and send the form again."),
    "request.clash": N_(
        "Somebody changed the same thing at the same moment, so nothing was changed. Load the page again."
    ),
    "request.method": N_("This address cannot be used that way. Go back and use the form on the page."),
    "page.not_found": N_(
        "There is no such page, or you may not see it. Check the address, or start from the home page."
    ),
    "server.failed": N_(
        "Something went wrong on our side, and nothing was changed. Try again; if it stays so, tell "
        "the sysadmin the number {number}."
    ),
    "home.locked": N_(
        "Another “coop” already works in {home}. Stop it first, or set COOP_HOME to another folder for "
        "a second instance."
    ),
    "signature.invalid": N_(
        "A signature does not hold, so what it came with was not used. Ask for it again from where it was made."
    ),
    "database.unavailable": N_(
        "The co-op's database cannot be reached or is busy, so nothing was changed. Try again in a "
        "minute; the sysadmin can run “coop doctor”."
    ),
    # Forms
    "form.invalid": N_("Some answers need another look."),
    "form.required": N_("Enter something here."),
    "form.too_long": N_("Use at most {limit} characters."),
    "form.not_choice": N_("Choose one of the listed answers."),
    "form.not_integer": N_("Enter a whole number, such as 3."),
    "form.out_of_range": N_("Enter a number from {least} to {most}."),
    "form.not_email": N_("Enter an e-mail address, such as name@example.org."),
    "form.not_date": N_("Enter a day as year-month-day, such as 2026-06-30."),
    "form.control_character": N_("Remove the characters that cannot be printed."),
    # Users, sessions, links
    "user.email_taken": N_(
        "There is a user with this e-mail address already. Use another, or make a sign-in link for that user."
    ),
    "user.not_found": N_("There is no such user."),
    "user.disabled": N_("This user was disabled. An admin of the co-op can make a new user."),
    "user.last_admin": N_("This is the co-op's last admin. Grant the office to somebody else first."),
    "user.already_disabled": N_("This user was disabled already."),
    "password.too_short": N_("Use at least {least} characters. A few words in a row are easy to remember."),
    "password.too_long": N_("Use at most {most} characters."),
    "password.same_as_email": N_("The password must not be your e-mail address."),
    "password.wrong": N_("The current password is wrong."),
    "signin.failed": N_("E-mail address and password do not match. Try again, or ask an officer for a sign-in link."),
    "signin.too_many": N_(
        "There were too many tries from here. Try again in {retry_after_s} seconds, or ask an "
        "officer for a sign-in link."
    ),
    "signin_link.gone": N_(
        "This link was used before, has expired or never existed. Ask an officer of the co-op for a "
        "new one; it works once, for 72 hours."
    ),
    "setup_link.gone": N_(
        "This setup link was used before or is older than 30 minutes. Start “coop up” again: it prints a new one."
    ),
    "coop.founded_already": N_("This co-op is set up already. Sign in, or ask its admin for a sign-in link."),
    "coop.timezone_unknown": N_("Enter a time zone such as Europe/Berlin."),
    # Offices
    "office.incompatible": N_(
        "One person may not hold these two offices together: {role} and {held}. End one, or choose somebody else."
    ),
    "office.held_already": N_("This user holds the office already."),
    "office.not_held": N_("This user does not hold the office any more."),
    "office.not_known": N_("There is no such office."),
    # What a page says afterwards
    "done.saved": N_("Saved."),
    "done.signed_out": N_("You are signed out."),
    "done.office_granted": N_("The office was granted."),
    "done.office_ended": N_("The office was ended."),
    "done.user_disabled": N_("The user was disabled and signed out everywhere."),
    "done.user_created": N_("The user was added. Hand over a sign-in link so that they can come in."),
    "done.password_changed": N_("Your password was changed. Every other browser was signed out."),
}
