"""Deciding together: proposals, ballots, tallies and enactments. May use coop; never orchestrator."""
