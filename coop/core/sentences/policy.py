"""Sentences about policies: what they say, what changes, why something was refused."""

from coop.core.sentences.marker import N_

SENTENCES: dict[str, str] = {
    "policy.refused_hours": N_(
        "The machines take no work now: it is {local_time} in {timezone}, outside the hours of policy "
        "v{version} (clause {clause}). Ballot {ballot} decided that; propose a change on the page Ballots."
    ),
    "policy.refused_price_floor": N_(
        "The price {price} for a million tokens is below {limit}, the least that policy v{version} allows "
        "(clause {clause}). Ballot {ballot} decided that; propose a change on the page Ballots."
    ),
    "policy.refused_price_ceiling": N_(
        "The price {price} for a million tokens is above {limit}, the most that policy v{version} allows "
        "(clause {clause}). Ballot {ballot} decided that; propose a change on the page Ballots."
    ),
    "policy.refused_hours_founding": N_(
        "The machines take no work now: it is {local_time} in {timezone}, outside the hours of policy "
        "v{version} (clause {clause}). It is the founding policy; propose a change on the page Ballots."
    ),
    "policy.refused_price_floor_founding": N_(
        "The price {price} for a million tokens is below {limit}, the least that policy v{version} allows "
        "(clause {clause}). It is the founding policy; propose a change on the page Ballots."
    ),
    "policy.refused_price_ceiling_founding": N_(
        "The price {price} for a million tokens is above {limit}, the most that policy v{version} allows "
        "(clause {clause}). It is the founding policy; propose a change on the page Ballots."
    ),
    "policy.bundle_malformed": N_(
        "This is not a whole, known policy bundle ({detail}). Download it again, or update allmende on this machine."
    ),
    "policy.bundle_too_large": N_("The policy does not fit into {limit} bytes. Use fewer windows."),
    "policy.key_unknown": N_("The bundle is signed by a key that this co-op does not use ({key}…)."),
    "policy.digest_wrong": N_("The bundle of policy v{version} carries another policy than its digest names."),
    "policy.other_coop": N_("The bundle belongs to another co-op ({coop})."),
    "policy.older": N_("Policy v{version} (epoch {epoch}) is older than v{obeyed}, which is obeyed already."),
    "policy.two_of_one_version": N_(
        "There are two different policies v{version} in epoch {epoch}. Nothing changes; tell the sysadmin."
    ),
    "policy.expired": N_(
        "The bundle of policy v{version} expired on {expired_at}. Ask the co-op for the one in force."
    ),
    "policy.not_yet_valid": N_("Policy v{version} is valid only from {valid_from_at}. Check this machine's clock."),
    "policy.not_found": N_("There is no such policy."),
    "policy.none_in_force": N_("No policy is in force yet. It begins when the co-op is set up."),
    "policy.signed_otherwise": N_("Policy v{version} has another signed bundle already. Nothing was changed."),
    "policy.not_signed": N_(
        "Policy v{version} is not signed yet. Control signs it within seconds; load the page again."
    ),
    "policy.malformed": N_("Something in the new rule cannot be read. Go back to the form and look at every field."),
    "policy.section_unknown": N_("There is no section {section} in a policy. Choose hours or price."),
    "policy.fraction_over_one": N_("The discount must be at most the whole price."),
    "policy.days_wrong": N_("Choose at least one day."),
    "policy.window_empty": N_("The end must differ from the beginning."),
    "policy.timezone_unknown": N_("Enter a time zone such as Europe/Berlin."),
    "policy.price_out_of_order": N_("The price must lie between the lowest and the highest price."),
    "policy.price_not_whole": N_("Use at most six decimals."),
    "policy.nothing_changes": N_("This is how it is already. Change a value to propose something new."),
    "policy.hours_removed": N_("The machines may work at any hour."),
    "policy.hours_added": N_("The machines work only at these hours, no longer all the time:"),
    "policy.hours_timezone": N_("The hours follow the clock of {after}, no longer of {before}."),
    "policy.hours_reordered": N_("The hours are written down in another way; nothing else changes."),
    "policy.price_default_changed": N_("A million tokens cost {after_nano}, no longer {before_nano}."),
    "policy.price_floor_changed": N_("The lowest price of a million tokens is {after_nano}, no longer {before_nano}."),
    "policy.price_ceiling_changed": N_(
        "The highest price of a million tokens is {after_nano}, no longer {before_nano}."
    ),
    "policy.price_default_lead": N_("A million tokens cost"),
    "policy.price_floor_lead": N_("Nobody pays less for a million tokens than"),
    "policy.price_ceiling_lead": N_("Nobody pays more for a million tokens than"),
    "policy.discount_wrong": N_("Enter a percentage from 0 to 100 with at most two decimals."),
    "policy.time_wrong": N_("Enter a time such as 17:30."),
    "policy.window_half": N_("Fill in days, beginning and end, or leave all three empty."),
    "policy.window_needed": N_("Enter at least one window, or choose that machines may always work."),
    "policy.discount_changed": N_("Members pay {after} less, no longer {before} less."),
    "policy.always_open": N_("The machines may work at any hour."),
    "policy.price_default": N_("A million tokens cost {price_nano}."),
    "policy.price_floor": N_("Nobody pays less than {price_nano} for a million tokens."),
    "policy.price_ceiling": N_("Nobody pays more than {price_nano} for a million tokens."),
    "policy.discount": N_("Members pay {discount} less."),
    "policy.open_daily": N_("Every day from {from} to {until} ({timezone}) the machines take work."),
    "policy.closed_daily": N_("Every day from {from} to {until} ({timezone}) they no longer do."),
    "policy.open_weekdays": N_("Monday to Friday from {from} to {until} ({timezone}) the machines take work."),
    "policy.closed_weekdays": N_("Monday to Friday from {from} to {until} ({timezone}) they no longer do."),
    "policy.open_weekend": N_("Saturday and Sunday from {from} to {until} ({timezone}) the machines take work."),
    "policy.closed_weekend": N_("Saturday and Sunday from {from} to {until} ({timezone}) they no longer do."),
    "policy.open_day0": N_("Monday from {from} to {until} ({timezone}) the machines take work."),
    "policy.closed_day0": N_("Monday from {from} to {until} ({timezone}) they no longer do."),
    "policy.open_day1": N_("Tuesday from {from} to {until} ({timezone}) the machines take work."),
    "policy.closed_day1": N_("Tuesday from {from} to {until} ({timezone}) they no longer do."),
    "policy.open_day2": N_("Wednesday from {from} to {until} ({timezone}) the machines take work."),
    "policy.closed_day2": N_("Wednesday from {from} to {until} ({timezone}) they no longer do."),
    "policy.open_day3": N_("Thursday from {from} to {until} ({timezone}) the machines take work."),
    "policy.closed_day3": N_("Thursday from {from} to {until} ({timezone}) they no longer do."),
    "policy.open_day4": N_("Friday from {from} to {until} ({timezone}) the machines take work."),
    "policy.closed_day4": N_("Friday from {from} to {until} ({timezone}) they no longer do."),
    "policy.open_day5": N_("Saturday from {from} to {until} ({timezone}) the machines take work."),
    "policy.closed_day5": N_("Saturday from {from} to {until} ({timezone}) they no longer do."),
    "policy.open_day6": N_("Sunday from {from} to {until} ({timezone}) the machines take work."),
    "policy.closed_day6": N_("Sunday from {from} to {until} ({timezone}) they no longer do."),
}
