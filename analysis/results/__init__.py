"""What MLflow holds of a study, read and checked."""
