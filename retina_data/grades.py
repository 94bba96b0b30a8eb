"""The five grades of diabetic retinopathy, their names and the columns of their probabilities."""

GRADES = (0, 1, 2, 3, 4)

GRADE_NAMES = ("No DR", "Mild", "Moderate", "Severe", "Proliferative")

REFERABLE_FROM = 2
"""Moderate and worse: the patient is referred to an ophthalmologist."""

PROBABILITIES = tuple(f"p{grade}" for grade in GRADES)
"""Columns p0 .. p4 of a table of predictions."""
