"""Reports: tables, figures and the HTML page that shows an experiment."""
