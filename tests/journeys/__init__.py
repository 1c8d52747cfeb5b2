"""Whole stories with real processes: worker, scheduler, broker, model."""
