"""Words of the domain as the console says them; marked here, translated where they are shown."""

from __future__ import annotations

from starter.web.i18n import N_

KINDS = {
    "actual": N_("Actual alert"),
    "exercise": N_("Exercise"),
    "public_test": N_("Public test"),
}
STAGES = {
    "verifying": N_("Being verified"),
    "needs_information": N_("Needs information"),
    "ineligible": N_("Does not fit the programme"),
    "awaiting_approval": N_("Awaiting approval"),
    "returned": N_("Returned for edit"),
    "live": N_("Live"),
    "held": N_("Held, everything dark"),
    "closing": N_("Closing"),
    "closed": N_("Closed"),
}
OUTCOMES = {
    "found": N_("found"),
    "cancelled": N_("cancelled"),
    "rejected": N_("rejected"),
    "expired": N_("expired"),
}
STATES = {
    "armed": N_("Ready"),
    "sending": N_("Sending"),
    "showing": N_("Showing"),
    "retrying": N_("Trying again"),
    "withdrawing": N_("Withdrawing"),
    "withdrawn": N_("Withdrawn"),
    "failed": N_("Failed"),
}
RESULTS = {"met": N_("Met"), "not_met": N_("Not met"), "unknown": N_("Unknown")}
ACTIONS = {
    "start": N_("Started"),
    "approve": N_("Approved"),
    "reject": N_("Rejected"),
    "return_for_edit": N_("Returned for edit"),
    "amend": N_("Amended"),
    "retract": N_("Taken off"),
    "hold": N_("Held"),
    "reinstate": N_("Brought back"),
    "found": N_("Reported found"),
    "cancel": N_("Cancelled"),
    "change_programme": N_("Programme changed"),
    "propose_outcome": N_("Outcome message proposed"),
    "keep": N_("Said to be still needed"),
    "sighting": N_("Sighting"),
}
ROLES = {"operator": N_("operator"), "supervisor": N_("supervisor"), "engineer": N_("engineer")}
CONFIRMED_BY = {
    "police": N_("Police"),
    "family": N_("Family"),
    "partner": N_("A partner organisation"),
    "phone": N_("A phone call, confirmed by nobody (only holds)"),
}
CONDITIONS = {
    "unknown": N_("Not known yet"),
    "safe": N_("Safe"),
    "injured": N_("Injured"),
    "deceased": N_("Deceased"),
}
CANCEL_REASONS = {
    "error": N_("Sent in error"),
    "hoax": N_("False report"),
    "consent_withdrawn": N_("Leave to publish was withdrawn"),
    "superseded": N_("Replaced by another message"),
    "still_missing": N_("Still missing, the alert helps no more"),
}
CRITERIA = {
    "minor": N_("Under 18"),
    "abducted_or_danger": N_("Abducted, or in danger"),
    "serious_worry": N_("Serious worry"),
    "information": N_("Enough for the public to help"),
    "prompt": N_("As soon as possible"),
    "publicity": N_("Leave to publish"),
    "sheltered": N_("No sheltered child is shown"),
    "local": N_("A local area"),
}
"""In short; the official wording and its source stand in the programme."""
PARTNERS = {"active": N_("Active"), "silent": N_("Silent"), "paused": N_("Paused")}
CERTAINTIES = {"sure": N_("Sure"), "probably": N_("Probably"), "unsure": N_("Not sure")}
MARKS = {"urgent": N_("Urgent"), "useful": N_("Useful"), "not_useful": N_("Not useful")}
AREAS = {
    "nation": N_("country"),
    "municipality": N_("municipality"),
    "province": N_("province"),
    "safety_region": N_("safety region"),
    "police_unit": N_("police unit"),
}
GROUPS = {
    "stage": STAGES,
    "kind": KINDS,
    "outcome": OUTCOMES,
    "state": STATES,
    "result": RESULTS,
    "criterion": CRITERIA,
    "action": ACTIONS,
    "role": ROLES,
    "confirmed_by": CONFIRMED_BY,
    "condition": CONDITIONS,
    "cancel": CANCEL_REASONS,
    "partner": PARTNERS,
    "certainty": CERTAINTIES,
    "mark": MARKS,
    "area": AREAS,
}
