"""The page of results: from the counts of finished studies to Markdown and figures."""
