"""retina_data.audit.findings: a finding counts the images of all its groups, or says how many there are."""

from retina_data.audit.findings import Finding


def test_images_of_a_finding_are_counted() -> None:
    assert Finding("duplicates", "warning", "text", ((0, 3), (5,))).count == 3
    assert Finding("no patients", "warning", "text", counted=7).count == 7
