"""The pages of a person's account, its session, and the forms that change things."""
