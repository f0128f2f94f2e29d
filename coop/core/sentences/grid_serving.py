"""Sentences about machines, API keys, budgets, receipts and the API."""

from coop.core.sentences.marker import N_

SENTENCES: dict[str, str] = {
    # machines
    "node.unknown": N_("There is no such machine. Look at the list of machines."),
    "node.bad_name": N_(
        "The name must be 1 to 63 small letters, numbers and hyphens, and start and end with a letter or number."
    ),
    "node.name_taken": N_("A machine called {name} is or was already in the grid. Choose another name."),
    "node.wrong_state": N_("{name} is {state} now, so this cannot be done. Load the page again."),
    "node.bad_public_key": N_(
        "That is not the public key of a node. Run `coop node enrol` again with this version of allmende."
    ),
    "node.bad_inventory": N_(
        "The description of the machine cannot be read: {detail}. Install the same version of allmende as the co-op."
    ),
    "node.no_owner": N_("Choose the member that owns the machine."),
    "node.roots_missing": N_(
        "The co-op's trust roots are not written yet. Start control once with `coop up`, then make the command again."
    ),
    "enrolment.unknown": N_("This code is not known. Copy the whole command from the page again."),
    "enrolment.used": N_("This code was used already; it works once. Ask the sysadmin for a new one."),
    "enrolment.expired": N_("This code is older than an hour. Ask the sysadmin for a new one."),
    "enrolment.wrong_roots": N_(
        "The address answers for another co-op than the code is for. Check the address, and ask the "
        "sysadmin for a new code."
    ),
    "enrolment.too_many": N_("Too many codes were tried from this address. Try again in {retry_after_s} seconds."),
    "enrolment.bad_code": N_("A code has two parts with a point between them. Copy the whole command again."),
    "enrolment.bad_proof": N_(
        "The request is not signed by this machine's key, or its clock is off by more than 5 minutes. "
        "Set the clock and try again."
    ),
    "enrolment.refused": N_("The co-op's portal refused: {detail}"),
    "enrolment.unreachable": N_(
        "The portal at {address} cannot be reached: {detail}. Check the address and try again; the code is not used up."
    ),
    "agent.not_enrolled": N_("This machine is not enrolled. Run `coop node enrol CODE` first."),
    "agent.revoked": N_("This machine was revoked. Ask the sysadmin for a new code and enrol it under another name."),
    # work on a node
    "job.wrong_price": N_(
        "The work was offered at {offered} micro-units per million tokens, the policy in force says {price}. Ask again."
    ),
    "job.model_not_served": N_("{model} is not served by this machine. Ask for one that `/v1/models` lists."),
    "job.other_content": N_("A job with this id was already done with other content. Use a new id."),
    "job.too_busy": N_("The machine runs as much as it may. Try again in a moment."),
    "job.kind_unknown": N_("The machine cannot do work of the kind {kind}."),
    "job.journal_full": N_(
        "The machine keeps {limit} receipts that the co-op has not taken yet, and takes no new work until it has."
    ),
    "job.no_policy": N_(
        "The machine has no valid policy of the co-op and takes no work. It fetches one as soon as control answers."
    ),
    "job.policy_expired": N_(
        "The last policy this machine has is no longer valid, so it takes no new work. Control must be reached again."
    ),
    "runtime.stopped": N_(
        "The program that serves the model stopped and is being started again. Try again in a moment."
    ),
    "runtime.slow": N_("The model did not answer within {limit} seconds. Send fewer or shorter inputs."),
    # keys
    "key.unknown": N_("There is no such key among yours."),
    "key.unknown_secret": N_("This API key is not known. Copy it again, or make a new one on the page API keys."),
    "key.revoked": N_("This API key was revoked. Make a new one on the page API keys."),
    "key.expired": N_("This API key has expired. Make a new one on the page API keys."),
    "key.member_left": N_("The member this API key belongs to has left the co-op."),
    "key.missing": N_("No API key came with the request. Send the header `Authorization: Bearer alm_...`."),
    "key.name_needed": N_("Enter a name for the key, at most 120 characters"),
    "key.expiry_past": N_("The last day must be in the future"),
    "key.too_many": N_("You hold {limit} keys. Revoke one that you no longer need."),
    "key.model_not_allowed": N_("This API key may not use {model}. Use a key whose scope has it."),
    # budgets and receipts
    "budget.unknown_lease": N_("There is no such slice of credit at this gateway."),
    "budget.busy": N_("A receipt came in at the same moment. The same request again works."),
    "receipt.unknown": N_("There is no such receipt, or it is not yours to see."),
    "receipt.malformed": N_("The receipt cannot be read: {detail}"),
    "receipt.wrong_sender": N_("The receipt {receipt} names another sender."),
    "receipt.wrong_cost": N_("The cost of receipt {receipt} does not follow from its tokens and price."),
    "receipt.wrong_price": N_("The price on receipt {receipt} is not the one of the policy it names."),
    "receipt.wrong_lease": N_("The receipt {receipt} names a key or a slice of credit that do not belong together."),
    "receipt.over_lease": N_("The receipt {receipt} costs more than the slice of credit it names."),
    "receipt.unknown_node": N_("The receipt {receipt} names a machine that is not ours."),
    "receipt.unknown_policy": N_("The receipt {receipt} names a policy that was never enacted."),
    "receipt.other_content": N_("The receipt {receipt} is known with other content. The first one counts."),
    "receipt.not_as_reserved": N_(
        "The machine's receipt does not match what was ordered, so nothing was charged by it here."
    ),
    # the API
    "api.body_too_large": N_("The request has more than {limit} bytes. Send the inputs in several requests."),
    "api.not_json": N_("The body is not JSON. Send a JSON object with `model` and `input`."),
    "api.field_needed": N_("The field `{field}` is missing or has the wrong type."),
    "api.input_empty": N_(
        "`input` must be a text, or a list of 1 to {limit} texts, none of them empty. Lists of token "
        "numbers are not served."
    ),
    "api.input_too_long": N_("One of the texts has more than {limit} characters. Split it."),
    "api.input_not_text": N_("One of the texts is not valid Unicode."),
    "api.dimensions": N_("`dimensions` cannot be chosen: {model} gives vectors of one length. Leave the field out."),
    "api.encoding": N_("`encoding_format` must be `float` or `base64`."),
    "api.no_such_path": N_("There is nothing at this address. The API has /v1/models and /v1/embeddings."),
    "api.wrong_method": N_("This address does not take {method}."),
    "api.model_unknown": N_("No machine of the co-op serves the model {model}. `/v1/models` lists what is served."),
    "api.no_node": N_("No machine can take the work now. Nothing was charged; try again in a moment."),
    "api.no_grid": N_(
        "The gateway cannot reach the co-op's grid now. Nothing was charged; try again in {retry_after_s} seconds."
    ),
    "api.no_policy": N_(
        "The gateway has no valid policy of the co-op yet. Nothing was charged; try again in a moment."
    ),
    "api.busy": N_("The gateway serves as many requests as it may. Try again in a moment."),
    "api.broken": N_("Something went wrong here. Nothing was charged; the co-op's sysadmin finds it in the log."),
    # what was done
    "done.node_approved": N_("The machine is let in. It is ready as soon as it obeys the policy."),
    "done.node_drained": N_("The machine finishes what it runs and takes nothing new."),
    "done.node_resumed": N_("The machine takes work again."),
    "done.node_revoked": N_("The machine is cut off and its key is void."),
    "done.key_revoked": N_("The key is revoked. The API refuses it within seconds."),
}
