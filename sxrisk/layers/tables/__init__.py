"""Tables and survey files: delimited text, workbooks, CASS files, corner strings, angles and zones."""
